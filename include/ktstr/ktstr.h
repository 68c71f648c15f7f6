/* SPDX-License-Identifier: GPL-2.0-only */
/* ktstr.h -- everything a test needs. Link libktstr and libm: libktstr brings main(). */
#ifndef KTSTR_KTSTR_H
#define KTSTR_KTSTR_H

#include <ktstr/canned.h>
#include <ktstr/check.h>
#include <ktstr/load.h>
#include <ktstr/payload.h>
#include <ktstr/scenario.h>
#include <ktstr/scheduler.h>
#include <ktstr/test.h>
#include <ktstr/topology.h>
#include <ktstr/work.h>

#endif
