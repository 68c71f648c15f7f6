/* SPDX-License-Identifier: GPL-2.0-only */
/* topic_profiles.c -- help on the configuration file. */
#include "cli/options.h"
#include "cli/test_config.h"
#include "cli/topic_profiles.h"

static const char meaning[] =
	"'ktstr test' takes defaults from " TEST_CONFIG_FILE
	" in the working directory, or in a directory above it up to "
	"the top of the checkout. The file has profiles. 'default' always applies; --nextest-profile NAME puts another "
	"one "
	"over it. An option on the command line wins over both, also where it excludes the profile's. Unknown keys are "
	"errors.";

static const char sample[] =
	"{\n"
	"  \"profile\": {\n"
	"    \"default\": { \"slow_timeout\": \"60s\" },\n"
	"    \"ci\": { \"retries\": 2, \"fail_fast\": true, \"reports\": [\"junit=out/junit.xml\"] }\n"
	"  }\n"
	"}\n";

void profiles_text(struct buf *out)
{
	buf_appendf(out, "\nProfiles. %s\n\n", meaning);
	for (const struct config_key *k = config_keys; k->name; k++)
		buf_appendf(out, " %-13s %-22s %s\n", k->name, k->type, k->meaning);
	buf_appendf(out, "\nExample:\n\n%s", sample);
}

void profiles_roff(struct buf *out)
{
	roff_text(out, meaning);
	buf_puts(out, "\n");
	for (const struct config_key *k = config_keys; k->name; k++) {
		_cleanup_buf_ struct buf text = BUF_NULL;
		buf_appendf(&text, "%s; %s.", k->type, k->meaning);
		roff_item(out, k->name, buf_str(&text));
	}
	buf_puts(out, ".PP\n.EX\n");
	roff_text(out, sample);
	buf_puts(out, ".EE\n");
}

void profiles_markdown(struct buf *out)
{
	buf_appendf(out,
		    "# Profiles\n\n%s\nThis page is what `ktstr help profiles --markdown` prints.\n\n"
		    "| key | value | meaning |\n|---|---|---|\n",
		    meaning);
	for (const struct config_key *k = config_keys; k->name; k++)
		buf_appendf(out, "| `%s` | %s | %s |\n", k->name, k->type, k->meaning);
	buf_appendf(out, "\n```json\n%s```\n", sample);
}
