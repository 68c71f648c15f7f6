#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Its interpreter comes along.
test -r /include-files/hostname
