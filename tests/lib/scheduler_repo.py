# SPDX-License-Identifier: GPL-2.0-only
"""scheduler_repo.py -- a git repository with the kernel tree's scx_simple and tests of it, in which each commit is a
change of the scheduler. Its sources come from the distribution's package of kernel sources."""
import functools
import glob
import os
import shutil
import subprocess
import tarfile

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCES = ('scx_simple.bpf.c', 'scx_simple.c')
SUITE = '''#include <ktstr/ktstr.h>

KTSTR_SCHEDULER(simple, .binary = "scx_simple");

KTSTR_TEST(load, .scheduler = &simple, .cores = 2, .duration_s = 1)
{
	return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "steady", .workers = 3 },
						  { .name = "bursty", .workers = 2, .work = KTSTR_WORK(BURSTY) },
						  { .name = "pipe", .workers = 2, .work = KTSTR_WORK(PIPE_IO) }));
}
'''
MAKEFILE = '''all:
	mkdir -p build
	./build.sh {kernel} build scx_simple
	cc -O2 -o build/tests suite.c -I{root}/include -Wl,--whole-archive {build}/libktstr.a -Wl,--no-whole-archive -lm
'''
# What a commit may change: the work of each enqueue, and the slice of tasks.
VARIANT = '''#define EXTRA_TURNS {turns}
#define SLICE (SCX_SLICE_DFL * {slice_pct} / 100)
static volatile u64 extra_sum;
static __always_inline void extra_work(void)
{{
	for (u32 i = 0; i < EXTRA_TURNS; i++)
		extra_sum += i;
}}
'''
ANCHOR = 'void BPF_STRUCT_OPS(simple_enqueue, struct task_struct *p, u64 enq_flags)\n{\n'


def tarball(version):
    """The package's sources of the kernel, or None."""
    found = glob.glob('/usr/src/linux-source-' + '.'.join(version.split('.')[:2]) + '.tar.*')
    return found[0] if found else None


@functools.lru_cache(maxsize=1)
def read_sources(path):
    """{name: text} of scx_simple; the archive is read once, and only as far as necessary."""
    found = {}
    with tarfile.open(path, 'r|*') as archive:
        for member in archive:
            name = member.name.split('/')[-1]
            if '/tools/sched_ext/' in member.name and name in SOURCES:
                found[name] = archive.extractfile(member).read().decode()
            if len(found) == len(SOURCES):
                break
    return found


class Repository:
    def __init__(self, top, kernel, build):
        self.top = top
        os.makedirs(top)
        for name, text in read_sources(tarball(kernel['version'])).items():
            if name.endswith('.bpf.c'):
                assert ANCHOR in text
                text = text.replace(ANCHOR, ANCHOR + '\textra_work();\n')
                text = text.replace('SCX_SLICE_DFL', 'SLICE').replace('#include <scx/common.bpf.h>\n',
                                                                      '#include <scx/common.bpf.h>\n#include "variant.h"\n')
            self.write(name, text)
        shutil.copy(os.path.join(HERE, '..', 'fixtures', 'build.sh'), top)
        self.write('suite.c', SUITE)
        self.write('Makefile', MAKEFILE.format(kernel=kernel['path'], root=os.path.abspath(os.path.join(HERE, '..', '..')), build=build))
        self.write('.gitignore', 'build\ntarget\n')
        self.git('init', '-q', '-b', 'main')

    def write(self, name, text):
        with open(os.path.join(self.top, name), 'w', encoding='utf-8') as f:
            f.write(text)

    def git(self, *args):
        who = ['-c', 'user.name=t', '-c', 'user.email=t@t']
        return subprocess.run(['git', *who, *args], cwd=self.top, capture_output=True, text=True, check=True).stdout.strip()

    def commit(self, turns=0, slice_pct=100):
        """A commit whose enqueue makes @turns turns of a loop (four instructions each), with slices of @slice_pct percent."""
        self.write('variant.h', VARIANT.format(turns=turns, slice_pct=slice_pct))
        self.git('add', '-A')
        self.git('commit', '-q', '--allow-empty', '-m', f'{turns} turns, {slice_pct} % of a slice')
        return self.git('rev-parse', 'HEAD')
