# SPDX-License-Identifier: GPL-2.0-only
"""The kernel that a bench boots."""
import json
import subprocess
import sys


def newest(build):
    """The newest kernel of the cache that has our configuration, as an entry of 'kernel list --json'."""
    listed = subprocess.run([build + '/ktstr', 'kernel', 'list', '--offline', '--json'], capture_output=True, text=True, check=True)
    for entry in json.loads(listed.stdout)['entries']:
        if not entry.get('error_kind') and entry['kconfig_status'] == 'matches':
            return entry
    sys.exit("no kernel with our configuration in the cache; run 'make kernel'")
