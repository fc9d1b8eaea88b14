from setuptools import find_packages, setup

setup(
    name="shotgun",
    version="8.0.0",
    description="A stand-in for what takes Fuel's snapshots",
    packages=find_packages(),
    entry_points={
        "console_scripts": [
            "shotgun=shotgun.cli:main",
        ]
    },
)
