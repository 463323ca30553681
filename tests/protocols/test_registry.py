"""Every protocol there is can be named by a ticket."""

import pkgutil

import uploader.protocols
from uploader.protocols import PROTOCOLS


def test_every_protocol_module_is_registered_under_its_own_name():
    modules = {module.name for module in pkgutil.iter_modules(uploader.protocols.__path__)} - {"base"}
    assert modules == set(PROTOCOLS)
