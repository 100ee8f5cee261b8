package main

import (
	"sync"
	"time"
)

// stopwatch times records by number, from began to seen.
type stopwatch struct {
	mu    sync.Mutex
	began map[int]time.Time
	took  map[int]time.Duration
}

func newStopwatch() *stopwatch {
	return &stopwatch{began: map[int]time.Time{}, took: map[int]time.Duration{}}
}

func (s *stopwatch) begin(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.began[n] = time.Now()
}

func (s *stopwatch) end(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if began, ok := s.began[n]; ok {
		s.took[n] = time.Since(began)
		delete(s.began, n)
	}
}

// running are the numbers that have begun and not ended.
func (s *stopwatch) running(dst []int) []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	dst = dst[:0]
	for n := range s.began {
		dst = append(dst, n)
	}
	return dst
}

// time is how long a number took, 0 if it has not ended.
func (s *stopwatch) time(n int) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.took[n]
}

// from are the times of the numbers that are not below first.
func (s *stopwatch) from(first int) []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []time.Duration
	for n, d := range s.took {
		if n >= first {
			out = append(out, d)
		}
	}
	return out
}
