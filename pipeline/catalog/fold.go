package catalog

import (
	"crypto/sha256"
	"time"
)

func (p PutAccount) check(c *Catalog) error {
	if err := checkAccountID(p.Account); err != nil {
		return err
	}
	if c.tenants[p.Account] != nil {
		return refuse(Conflict, "there is an account %q already", p.Account)
	}
	if c.buried[p.Account] {
		return refuse(Conflict, "there was an account %q: an id is not used twice", p.Account)
	}
	if _, err := c.zone(p.Timezone); err != nil {
		return err
	}
	if err := checkRetention(p.RetentionDays); err != nil {
		return err
	}
	return checkRegion(p.DefaultRegion)
}

func (p PutAccount) apply(c *Catalog, s stamp) {
	zone, _ := c.zone(p.Timezone)
	t := &tenant{account: Account{
		ID: p.Account, Timezone: p.Timezone, Zone: zone, RetentionDays: p.RetentionDays,
		DefaultRegion: p.DefaultRegion, CreatedAt: s.at, Created: s.offset,
	}}
	c.tenants[p.Account] = t
	c.touch(t, s.offset)
}

func (d DeleteAccount) check(c *Catalog) error {
	_, err := c.tenant(d.Account)
	return err
}

func (d DeleteAccount) apply(c *Catalog, s stamp) {
	t := c.tenants[d.Account]
	for _, token := range t.tokens {
		delete(c.grants, token.hash)
	}
	if len(t.frozen) > 0 {
		c.voided = s.offset
	}
	c.recent.Remove(t.place)
	delete(c.tenants, d.Account)
	c.buried[d.Account] = true
	c.deletions = append(c.deletions, deletion{s.offset, d.Account})
}

func (p PutSegment) check(c *Catalog) error {
	t, err := c.tenant(p.Account)
	if err != nil {
		return err
	}
	if err := checkSegmentID(p.ID); err != nil {
		return err
	}
	if err := checkName(p.Name); err != nil {
		return err
	}
	if err := t.checkVersion(p.ID, p.IfVersion); err != nil {
		return err
	}
	return checkDefinition(t.account.RetentionDays, t.segments, p.ID, p.Definition)
}

func (p PutSegment) apply(c *Catalog, s stamp) {
	t := c.tenants[p.Account]
	if t.segments == nil {
		t.segments = map[string]*Segment{}
	}
	created := s.offset
	if before := t.segments[p.ID]; before != nil {
		created = before.Created
	}
	t.segments[p.ID] = &Segment{
		ID: p.ID, Name: p.Name, Definition: p.Definition, Parents: parents(p.Definition),
		Created: created, Version: s.offset, UpdatedAt: s.at,
	}
	c.touch(t, s.offset)
}

func (d DeleteSegment) check(c *Catalog) error {
	t, err := c.tenant(d.Account)
	if err != nil {
		return err
	}
	if t.segments[d.ID] == nil {
		return refuse(NotFound, "there is no segment %q", d.ID)
	}
	if err := t.checkVersion(d.ID, d.IfVersion); err != nil {
		return err
	}
	if names := dependants(t.segments, d.ID); names != nil {
		refusal := refuse(InUse, "other segments stand on %q: %q", d.ID, names)
		refusal.Names = names
		return refusal
	}
	return nil
}

func (d DeleteSegment) apply(c *Catalog, s stamp) {
	t := c.tenants[d.Account]
	delete(t.segments, d.ID)
	c.touch(t, s.offset)
}

func (p PutToken) check(c *Catalog) error {
	t, err := c.tenant(p.Account)
	if err != nil {
		return err
	}
	if !segmentID.MatchString(p.ID) || len(p.SHA256) != sha256.Size {
		return refuse(Invalid, "a token has an id and the SHA-256 of its secret")
	}
	if p.Scope != Read && p.Scope != Write {
		return refuse(Invalid, "scope %q: expected %q or %q", p.Scope, Read, Write)
	}
	_, sameID := t.tokens[p.ID]
	_, sameSecret := c.grants[[sha256.Size]byte(p.SHA256)]
	if sameID || sameSecret {
		return refuse(Conflict, "there is such a token already")
	}
	return nil
}

func (p PutToken) apply(c *Catalog, s stamp) {
	t, hash := c.tenants[p.Account], [sha256.Size]byte(p.SHA256)
	if t.tokens == nil {
		t.tokens = map[string]token{}
	}
	t.tokens[p.ID] = token{Token{ID: p.ID, Scope: p.Scope, CreatedAt: s.at}, hash}
	c.grants[hash] = Grant{Account: p.Account, Scope: p.Scope}
}

func (r RevokeToken) check(c *Catalog) error {
	t, err := c.tenant(r.Account)
	if err != nil {
		return err
	}
	if _, ok := t.tokens[r.ID]; !ok {
		return refuse(NotFound, "there is no token %q", r.ID)
	}
	return nil
}

func (r RevokeToken) apply(c *Catalog, _ stamp) {
	t := c.tenants[r.Account]
	delete(c.grants, t.tokens[r.ID].hash)
	delete(t.tokens, r.ID)
}

func (l AcceptLoss) check(c *Catalog) error {
	if l.Topic == "" || len(l.Topic) > maxTopicBytes || l.Partition < 0 || l.From < 0 || l.To < 0 || l.From == l.To {
		return refuse(Invalid, "a loss has a topic, a partition, and two different offsets")
	}
	if c.lossAccepted(l.Topic, l.Partition, l.From, l.To) {
		return refuse(Conflict, "the loss is accepted already")
	}
	return nil
}

func (l AcceptLoss) apply(c *Catalog, _ stamp) { c.losses = append(c.losses, l) }

func (s Settings) check(c *Catalog) error {
	if len(s.ErasureKey) != 32 {
		return refuse(Invalid, "an erasure key has 32 bytes")
	}
	if c.erasureKey != nil {
		return refuse(Conflict, "there are settings already")
	}
	return nil
}

func (s Settings) apply(c *Catalog, _ stamp) { c.erasureKey = s.ErasureKey }

// zone remembers locations: 100,000 accounts share a few hundred.
func (c *Catalog) zone(name string) (*time.Location, error) {
	if zone, ok := c.zones.Load(name); ok {
		return zone.(*time.Location), nil
	}
	zone, err := loadZone(name)
	if err != nil {
		return nil, err
	}
	c.zones.Store(name, zone)
	return zone, nil
}
