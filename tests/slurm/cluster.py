# SPDX-License-Identifier: GPL-2.0-only
"""cluster.py -- a Slurm cluster of this machine alone: munged, slurmctld and several slurmd on the loopback device, in a
directory of its own. Everything that it starts it also ends, by pid."""
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time

PROGRAMS = ['munged', 'slurmctld', 'slurmd', 'sbatch', 'squeue', 'sinfo', 'scancel', 'scontrol']


def missing():
    """Why no cluster can be started here, or None."""
    lacking = [p for p in PROGRAMS if not shutil.which(p) and not os.path.exists('/usr/sbin/' + p)]
    if lacking:
        return f'{", ".join(lacking)} not installed (packages slurmctld, slurmd, slurm-client, munge)'
    if os.geteuid() != 0:
        return 'slurmd and munged need root'
    try:
        pwd.getpwnam('munge')
    except KeyError:
        return 'there is no user munge'
    return None


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for s in sockets:
        s.bind(('127.0.0.1', 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


class Cluster:
    def __init__(self, nodes=('n1', 'n2'), cpus=1, extra=''):
        self.path = tempfile.mkdtemp(prefix='ktstr-slurm-')
        self.nodes = list(nodes)
        self.process = {}
        os.chmod(self.path, 0o755)
        self.conf = os.path.join(self.path, 'slurm.conf')
        self.env = dict(os.environ, SLURM_CONF=self.conf)
        self.env['PATH'] += ':/usr/sbin'
        self.write_conf(cpus, extra)

    def write_prolog(self):
        """With KTSTR_TEST_NODES=DIR in its environment, a job has caches of its node's own, as on a real cluster."""
        path = os.path.join(self.path, 'prolog.sh')
        with open(path, 'w', encoding='utf-8') as f:
            f.write('#!/bin/sh\n[ -z "$KTSTR_TEST_NODES" ] || '
                    'echo "export XDG_CACHE_HOME=$KTSTR_TEST_NODES/$SLURMD_NODENAME"\n')
        os.chmod(path, 0o755)
        return path

    def write_conf(self, cpus, extra):
        ports = free_ports(1 + len(self.nodes))
        host = socket.gethostname()
        lines = [
            'ClusterName=ktstr', f'SlurmctldHost={host}(127.0.0.1)', 'SlurmUser=root', 'SlurmdUser=root',
            'AuthType=auth/munge', f'AuthInfo=socket={self.path}/munge/socket', 'CryptoType=crypto/munge',
            f'StateSaveLocation={self.path}/state', f'SlurmdSpoolDir={self.path}/spool-%n',
            f'SlurmctldPidFile={self.path}/slurmctld.pid', f'SlurmdPidFile={self.path}/slurmd-%n.pid',
            f'SlurmctldLogFile={self.path}/slurmctld.log', f'SlurmdLogFile={self.path}/slurmd-%n.log',
            f'SlurmctldPort={ports[0]}', 'ProctrackType=proctrack/linuxproc', 'TaskPlugin=task/none',
            'SelectType=select/cons_tres', 'SelectTypeParameters=CR_Core_Memory', 'ReturnToService=2',
            f'TaskProlog={self.write_prolog()}', 'SlurmdParameters=config_overrides', 'MpiDefault=none', 'KillWait=2', 'SlurmdTimeout=10', 'InactiveLimit=0',
            'SchedulerParameters=sched_min_interval=0,sched_interval=2,bf_interval=2,batch_sched_delay=0,requeue_delay=0',
            'JobRequeue=1', 'AccountingStorageType=accounting_storage/none', 'JobCompType=jobcomp/none',
        ]
        for node, port in zip(self.nodes, ports[1:]):
            lines.append(f'NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={cpus} RealMemory=6000')
        lines.append('PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP')
        with open(self.conf, 'w', encoding='utf-8') as f:
            f.write('\n'.join(lines) + '\n' + extra)

    def spawn(self, name, argv, **how):
        log = open(os.path.join(self.path, name + '.out'), 'a', encoding='utf-8')
        self.process[name] = subprocess.Popen(argv, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                              start_new_session=True, **how)
        log.close()

    def start_munge(self):
        home = os.path.join(self.path, 'munge')
        user = pwd.getpwnam('munge')
        os.mkdir(home, 0o755)
        with open(home + '/key', 'wb') as f:
            f.write(os.urandom(1024))
        os.chmod(home + '/key', 0o600)
        for path in (home, home + '/key'):
            os.chown(path, user.pw_uid, user.pw_gid)
        self.spawn('munged', ['munged', '--foreground', '--socket=' + home + '/socket', '--key-file=' + home + '/key',
                              '--pid-file=' + home + '/pid', '--log-file=' + home + '/log', '--seed-file=' + home + '/seed',
                              '--num-threads=2'], user=user.pw_uid, group=user.pw_gid, extra_groups=[])
        self.wait(lambda: os.path.exists(home + '/socket'), 'munged to listen')

    def start_controller(self):
        self.spawn('slurmctld', ['slurmctld', '-D', '-f', self.conf])

    def start_node(self, node):
        self.spawn(node, ['slurmd', '-D', '-N', node, '-f', self.conf])

    def __enter__(self):
        try:
            for name in ['state'] + ['spool-' + n for n in self.nodes]:
                os.mkdir(os.path.join(self.path, name))
            self.start_munge()
            self.start_controller()
            for node in self.nodes:
                self.start_node(node)
            self.wait(lambda: self.idle() == len(self.nodes), 'the nodes to be idle')
        except BaseException:
            self.__exit__(None)
            raise
        return self

    def wait(self, done, what, timeout=180):
        until = time.monotonic() + timeout
        while not done():
            if time.monotonic() > until:
                raise RuntimeError(f'waited {timeout} s for {what}\n{self.logs()}')
            time.sleep(0.1)

    def run(self, *argv):
        return subprocess.run(argv, env=self.env, capture_output=True, text=True, timeout=180)

    def idle(self):
        listed = self.run('sinfo', '-h', '-N', '-t', 'idle', '-o', '%N').stdout    # for each partition
        return len(set(listed.split()))

    def logs(self):
        text = ''
        for name in sorted(os.listdir(self.path)):
            if name.endswith(('.log', '.out')):
                with open(os.path.join(self.path, name), encoding='utf-8', errors='replace') as f:
                    text += f'--- {name}\n' + ''.join(f.readlines()[-15:])
        return text

    def stop(self, name, sig=signal.SIGTERM):
        """Ends one daemon, and with SIGKILL on a node also the jobs that it has started."""
        process = self.process.pop(name, None)
        if not process:
            return
        process.send_signal(sig)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def __exit__(self, *exc):
        if 'slurmctld' in self.process:
            self.run('scancel', '--full', '--signal=KILL', '--user=root')
        for name in self.nodes + ['slurmctld', 'munged']:
            self.stop(name)
        shutil.rmtree(self.path, ignore_errors=True)
