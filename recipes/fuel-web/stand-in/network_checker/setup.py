from setuptools import find_packages, setup

setup(
    name="nailgun-net-check",
    version="8.0.0",
    description="A stand-in for Fuel's check of networks",
    packages=find_packages(),
    entry_points={
        "console_scripts": [
            "fuel-netcheck=network_checker.cli:main",
            "dhcpcheck=dhcp_checker.cli:main",
            "urlaccesscheck=url_access_checker.cli:main",
        ]
    },
)
