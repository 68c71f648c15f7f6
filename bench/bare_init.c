/* SPDX-License-Identifier: GPL-2.0-only */
/* bare_init.c -- the least that a guest can run: says hello on the console and ends the machine. The rival in boot.py.
 */
#include <sys/io.h>
#include <termios.h>
#include <unistd.h>

int main(void)
{
	if (write(1, "hello\n", 6) == 6 && tcdrain(1) == 0 && iopl(3) == 0)
		outl(0, 0xf4);
	for (;;)
		pause();
}
