"""The extension module; everything else is in setup.cfg."""

from setuptools import setup

setup()
