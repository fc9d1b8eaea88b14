#!/usr/bin/python
print("rabbit-fence.py: a stand-in, it does nothing")
