package pipeline

// composedFor is the newest definitions that a piece was composed for.
func (s *state) composedFor() (version int64) {
	for _, a := range s.accounts {
		for _, p := range a.pieces {
			version = max(version, p.version)
		}
	}
	return version
}

// outdated tells whether a piece stands for other definitions of its account
// than those that are known.
func (s *state) outdated() bool {
	for _, a := range s.accounts {
		for _, p := range a.pieces {
			if p.plan.version < a.def.Version {
				return true
			}
		}
	}
	return false
}

// hasUnknown tells whether the definitions do not know some account.
func (s *state) hasUnknown() bool {
	for id := range s.accounts {
		if s.definition(id) == nil {
			return true
		}
	}
	return false
}

// aheadOf tells whether a piece stands for a later day than that of a moment.
func (s *state) aheadOf(now int64) bool {
	for _, a := range s.accounts {
		if def := s.definition(a.id); def != nil {
			for _, p := range a.pieces {
				if s.zone(def).day(now) < p.today {
					return true
				}
			}
		}
	}
	return false
}

// keepDay sets the state's time to that of the latest day that a piece stands
// for: a clock that was ahead has let that day begin, and no day comes back.
func (s *state) keepDay() {
	for _, a := range s.accounts {
		def := s.definition(a.id)
		if def == nil {
			continue
		}
		for _, p := range a.pieces {
			if zone := s.zone(def); zone.day(s.now) < p.today {
				s.now = zone.start(p.today)
			}
		}
	}
}

// ready derives, for the owner of the partition, what is not stored: plans,
// counts, and who was erased before. Accounts that the definitions no longer
// know are returned.
func (s *state) ready() (gone []*account, err error) {
	for _, a := range s.accounts {
		version := s.catalog.Offset()
		def := s.definition(a.id)
		if def == nil {
			gone = append(gone, a)
			continue
		}
		a.define(def, version)
		for _, p := range a.pieces {
			if err := p.ready(); err != nil {
				return nil, err
			}
		}
		a.recallErased()
	}
	return gone, nil
}

// ready puts a restored piece on the plan that its memberships stand for.
func (p *piece) ready() error {
	a := p.account
	version := p.version
	if a.def.Version < version { // nothing of the account's changed since
		version = a.plan.version
	}
	next := a.plan
	if version != next.version || p.today != next.today {
		next = compile(a, a.def, version, p.today)
	}
	p.restoring = true
	defer func() { p.restoring = false }()
	p.plan = &plan{}
	return p.recount(next)
}

// recallErased finds the contacts that were erased once and came back.
func (a *account) recallErased() {
	if len(a.erasures) == 0 {
		return
	}
	for number := range a.contacts.next() {
		id := a.contacts.bytes(number)
		if len(id) == 0 {
			continue
		}
		if at := a.erasures[a.state.erasureHash([]byte(a.id), id)]; at > 0 {
			a.returned[number] = at
		}
	}
}
