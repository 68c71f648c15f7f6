# SPDX-License-Identifier: GPL-2.0-only
"""The kernel that a bench boots."""
import json
import os
import subprocess
import sys


def newest(build):
    """The newest kernel of the cache that has our configuration, as an entry of 'kernel list --json'; or the one whose
    key is in KTSTR_KERNEL."""
    asked = os.environ.get('KTSTR_KERNEL')
    listed = subprocess.run([build + '/ktstr', 'kernel', 'list', '--offline', '--json'], capture_output=True, text=True, check=True)
    for entry in json.loads(listed.stdout)['entries']:
        if not entry.get('error_kind') and (entry['key'] == asked if asked else entry['kconfig_status'] == 'matches'):
            return entry
    sys.exit(f"no kernel {asked or 'with our configuration'} in the cache; run 'make kernel'")
