from setuptools import Extension, find_packages, setup

setup(
    name="fuel-ostf",
    version="8.0.0",
    description="A stand-in for Fuel's tests of a cloud's health",
    packages=find_packages(),
    # No module of Python's, but a library that is built and found as one.
    ext_modules=[Extension("fuel_health._checksum", ["fuel_health/_checksum.c"])],
    entry_points={
        "console_scripts": ["ostf-server=fuel_plugin.ostf_adapter.server:main"]
    },
)
