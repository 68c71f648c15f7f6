#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Prints what a benchmark once printed.
cat "$1"
