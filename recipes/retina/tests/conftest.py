"""What tests of this folder share with those of common/vision: a cache of their own."""

from common.vision.tests.conftest import own_cache

__all__ = ["own_cache"]
