package main

import "slices"

// median returns the middle of v, which is not empty; of an even number the mean
// of the two in the middle.
func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	half := len(v) / 2
	if len(v)%2 == 1 {
		return v[half]
	}
	return (v[half-1] + v[half]) / 2
}
