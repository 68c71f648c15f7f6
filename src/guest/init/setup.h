/* SPDX-License-Identifier: GPL-2.0-only */
/* setup.h -- mounts, control groups, devices and the configuration of this boot. */
#ifndef KTSTR_GUEST_INIT_SETUP_H
#define KTSTR_GUEST_INIT_SETUP_H

#include "guest/init/init.h"

int setup_mounts(struct init *i);
int setup_cgroups(struct init *i);
void setup_loopback(struct init *i);
int setup_conf(struct init *i);
/* Sets all sysctls that can be set. Returns a negative errno if one could not be, and logs its name. */
int setup_sysctls(struct init *i);
/* Makes the configured control groups, and mounts the workload's one where the test expects its cgroups. */
int setup_workload_root(struct init *i);
/* Links the scheduler's configuration to the path where it is expected. */
int setup_config(struct init *i);
int setup_log(struct init *i);
/* Makes the memory for counters of executed code, if they are wanted and the log leaves room. */
void setup_counters(struct init *i);
/* Creates links to files that were packed elsewhere because their directory is a mount point (image/rootfs.h). */
void setup_moved(struct init *i);
void setup_cpus(struct init *i);
void setup_seed(struct init *i);

#endif
