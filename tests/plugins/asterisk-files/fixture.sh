#!/bin/sh
echo "VERBOSE fixture 1"
