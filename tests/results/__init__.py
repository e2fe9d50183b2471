"""What is predicted, and what is made of it."""
