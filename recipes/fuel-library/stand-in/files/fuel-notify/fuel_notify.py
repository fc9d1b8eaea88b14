#!/usr/bin/python
print("fuel_notify.py: a stand-in, it does nothing")
