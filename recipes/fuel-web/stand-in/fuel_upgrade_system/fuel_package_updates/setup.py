from setuptools import find_packages, setup

setup(
    name="fuel_package_updates",
    version="8.0.0",
    description="A stand-in for what mirrors repositories of Fuel",
    packages=find_packages(),
    entry_points={
        "console_scripts": [
            "fuel-package-updates=fuel_package_updates.fuel_package_updates:main",
        ]
    },
)
