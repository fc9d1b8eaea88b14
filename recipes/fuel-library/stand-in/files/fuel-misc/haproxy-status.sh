#!/bin/sh
echo "haproxy-status: a stand-in, it does nothing"
