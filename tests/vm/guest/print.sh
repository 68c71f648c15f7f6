#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Prints the recorded output of a benchmark.
cat "$1"
