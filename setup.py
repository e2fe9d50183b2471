"""Everything is in pyproject.toml, but that a wheel holds the configs."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

CONFIGS = Path(__file__).parent / "configs"


class BuildWithConfigs(build_py):
    """Copies ``configs/`` into the package; an editable install reads the checkout."""

    def run(self) -> None:
        if not self.editable_mode:  # modules that moved since the last build
            shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()
        if not self.editable_mode:
            to = Path(self.build_lib) / "vantage3d" / "configs"
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(CONFIGS, to, dirs_exist_ok=True, ignore=ignore)


setup(cmdclass={"build_py": BuildWithConfigs})
