package main

import (
	"fmt"
	"strings"
	"time"
)

// sizeText writes a number of bytes in decimal units: "532 B", "8.4 MB", "1.2 GB".
func sizeText(n int64) string {
	v, unit := sizeUnit(n)
	return sizeIn(n, v, unit)
}

// sizeOf writes progress with one unit for both: "3.1/8.4 MB".
func sizeOf(done, total int64) string {
	v, unit := sizeUnit(total)
	return strings.TrimSuffix(sizeIn(done, v, unit), " "+unit) + "/" + sizeIn(total, v, unit)
}

func sizeUnit(n int64) (float64, string) {
	switch {
	case n >= 999_950_000:
		return 1e9, "GB"
	case n >= 999_950:
		return 1e6, "MB"
	case n >= 1000:
		return 1e3, "kB"
	}
	return 1, "B"
}

func sizeIn(n int64, v float64, unit string) string {
	if unit == "B" {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", float64(n)/v, unit)
}

// secondsText writes how long something took: "6.3s", "1m04s", "1h02m".
func secondsText(s float64) string {
	if s < 59.95 {
		return fmt.Sprintf("%.1fs", s)
	}
	n := int64(s + 0.5)
	if n < 3600 {
		return fmt.Sprintf("%dm%02ds", n/60, n%60)
	}
	return fmt.Sprintf("%dh%02dm", n/3600, n/60%60)
}

// sinceText writes a duration that still runs, in whole seconds: "41s", "1m04s".
func sinceText(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%ds", int(d.Seconds()))
	}
	return secondsText(float64(int64(d.Seconds())))
}

// clockText writes the time of a whole run: "0:47", "1:02:09".
func clockText(d time.Duration) string {
	n := int64(d.Seconds())
	if n < 3600 {
		return fmt.Sprintf("%d:%02d", n/60, n%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", n/3600, n/60%60, n%60)
}
