package main

import (
	"fmt"
	"strconv"
)

// plural is "1 CPU", "2 CPUs".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// ms is a time in milliseconds, with as many digits as it deserves.
func ms(v float64) string {
	switch {
	case v < 10:
		return fmt.Sprintf("%.2f ms", v)
	case v < 1000:
		return fmt.Sprintf("%.0f ms", v)
	}
	return fmt.Sprintf("%.1f s", v/1000)
}

// mib is a number of bytes in mebibytes.
func mib(bytes float64) string { return fmt.Sprintf("%.1f MiB", bytes/(1<<20)) }

// grouped is a number with its thousands apart, rounded to whole.
func grouped[N uint64 | int | float64](n N) string {
	digits := strconv.FormatFloat(float64(n), 'f', 0, 64)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
