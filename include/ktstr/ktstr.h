/* SPDX-License-Identifier: GPL-2.0-only */
/* ktstr.h -- includes everything that a test needs. Link with libktstr and libm; libktstr has main(). */
#ifndef KTSTR_KTSTR_H
#define KTSTR_KTSTR_H

#include <ktstr/canned.h>
#include <ktstr/check.h>
#include <ktstr/device.h>
#include <ktstr/load.h>
#include <ktstr/payload.h>
#include <ktstr/scenario.h>
#include <ktstr/scheduler.h>
#include <ktstr/snapshot.h>
#include <ktstr/test.h>
#include <ktstr/topology.h>
#include <ktstr/work.h>

#endif
