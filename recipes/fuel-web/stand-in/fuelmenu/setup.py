from setuptools import find_packages, setup

setup(
    name="fuelmenu",
    version="8.0.0",
    description="A stand-in for the menu by which Fuel's server is set up",
    packages=find_packages(),
    entry_points={
        "console_scripts": [
            "fuelmenu=fuelmenu.fuelmenu:main",
        ]
    },
)
