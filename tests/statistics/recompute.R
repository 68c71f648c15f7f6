# SPDX-License-Identifier: GPL-2.0-only
# recompute.R -- what R's own tests make of samples. A line of standard input: seed, n, m, n numbers, m numbers. A line of
# output has the columns of recorded.txt from Welch's t on; '-': R's tests do not compute this case exactly (ties).
EXACT_MAX <- 50

number <- function(x) if (is.na(x)) "-" else sprintf("%.10g", x)

# Values of R's exact tests count only without ties, and those of normal approximations only for large samples.
welch <- function(a, b) {
	if (var(a) + var(b) == 0) return(c(NA, NA, NA))
	t <- t.test(a, b)
	c(t$statistic, t$parameter, t$p.value)
}

ranks_of_two <- function(a, b) {
	exact <- length(a) + length(b) <= EXACT_MAX
	ties <- anyDuplicated(c(a, b)) > 0
	w <- suppressWarnings(wilcox.test(a, b, exact = exact && !ties, correct = TRUE))
	c(w$statistic, if (exact && ties) NA else w$p.value)
}

ranks_of_pairs <- function(a, b) {
	pairs <- min(length(a), length(b))
	d <- (b[1:pairs] - a[1:pairs])
	d <- d[d != 0]
	if (length(d) == 0) return(c(NA, NA, NA))
	exact <- length(d) <= EXACT_MAX
	ties <- anyDuplicated(abs(d)) > 0
	w <- suppressWarnings(wilcox.test(d, exact = exact && !ties, correct = TRUE))
	c(w$statistic, if (exact && ties) NA else w$p.value, binom.test(sum(d > 0), length(d))$p.value)
}

for (line in readLines(file("stdin"))) {
	x <- as.numeric(strsplit(line, " ")[[1]])
	a <- x[3 + seq_len(x[2])]
	b <- x[3 + x[2] + seq_len(x[3])]
	found <- c(welch(a, b), ranks_of_two(a, b), ranks_of_pairs(a, b), exp(mean(log(c(a, b)))))
	cat(x[1], vapply(found, number, ""), "\n")
}
