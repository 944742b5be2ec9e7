"""The version, as installed."""

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("evalharness")
except PackageNotFoundError:  # a bare checkout
    VERSION = "0+unknown"
