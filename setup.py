"""Packaging for `musicrec`: every value is read from settings.ini, nbdev's configuration file."""
from configparser import ConfigParser
from pathlib import Path
from shutil import copytree, ignore_patterns, rmtree

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

here = Path(__file__).parent
ini = ConfigParser(delimiters=["="])
ini.read(here / "settings.ini", encoding="utf-8")
cfg = ini["DEFAULT"]


def words(key):
    """The blank-separated words of one setting."""
    return cfg.get(key, "").split()


def readme():
    """The text for the package index; a checkout without README.md installs too."""
    file = here / "README.md"
    return file.read_text(encoding="utf-8") if file.exists() else ""


class BuildWithData(build_py):
    """Pack the top-level `data/` as `musicrec/data/`, so that an installed wheel has the sample.

    Only a real build copies: an editable install reads `data/` where it lies. Nothing is packed
    where somebody deleted `data/`; the package then works on generated tables.
    """

    def run(self):
        super().run()
        source, target = here / "data", Path(self.build_lib, cfg["lib_path"], "data")
        if self.editable_mode:
            return
        rmtree(target, ignore_errors=True)
        if source.is_dir():
            copytree(source, target, ignore=ignore_patterns(".*", "__pycache__"))


setup(
    name=cfg["lib_name"],
    version=cfg["version"],
    description=cfg["description"],
    long_description=readme(),
    long_description_content_type="text/markdown",
    author=cfg["author"],
    author_email=cfg["author_email"],
    url=cfg["git_url"],
    license="Apache-2.0",
    keywords=words("keywords"),
    packages=find_packages(include=["musicrec", "musicrec.*"]),
    include_package_data=True,
    python_requires=">=" + cfg["min_python"],
    install_requires=words("requirements"),
    extras_require={key: words(f"{key}_requirements") for key in ("dev", "bench", "docs")},
    entry_points={
        "console_scripts": ["musicrec = musicrec.app.cli:main"],
        "nbdev": [f"{cfg['lib_path']} = {cfg['lib_path']}._modidx:d"],
    },
    cmdclass={"build_py": BuildWithData},
    zip_safe=False,
)
