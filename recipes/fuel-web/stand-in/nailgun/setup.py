from setuptools import find_packages, setup

setup(
    name="nailgun",
    version="8.0.0",
    description="A stand-in for Fuel's server",
    packages=find_packages(),
    entry_points={
        "console_scripts": [
            "nailgund=nailgun.app:main",
        ]
    },
    data_files=[("share/nailgun/static", ["static/index.html"])],
)
