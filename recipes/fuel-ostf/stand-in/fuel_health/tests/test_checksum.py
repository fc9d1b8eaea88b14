import unittest

from fuel_health.checksum import checksum


class TestChecksum(unittest.TestCase):
    def test_published(self):
        # Values that are published with the algorithm.
        for data, want in [
            (b"", 0x811C9DC5),
            (b"a", 0xE40C292C),
            (b"foobar", 0xBF9CF968),
        ]:
            self.assertEqual(checksum(data), want)
