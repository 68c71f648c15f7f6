/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * devices.h -- where the programs of a guest find the devices of its test. PID 1 makes these files; on a machine that
 * is not a guest there are none, so no disk there is written to, and nothing is sent.
 */
#ifndef KTSTR_GUEST_DEVICES_H
#define KTSTR_GUEST_DEVICES_H

#define DEVICES_DIR	 "/run/ktstr"
#define DEVICES_DISK	 DEVICES_DIR "/disk"	 /* link to a disk without a file system */
#define DEVICES_DISK_RO	 DEVICES_DIR "/disk-ro"	 /* the same; it can only be read */
#define DEVICES_MOUNT	 DEVICES_DIR "/data"	 /* link to where a disk that can be written to is mounted */
#define DEVICES_NETWORKS DEVICES_DIR "/networks" /* names of interfaces, with commas */

#endif
