package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall/api"
	"rollcall/bitmaps"
	"rollcall/consumers"
	"rollcall/pipeline/naive"
)

// TestLossAccepted has Kafka delete records before they are read. All that there
// is to see names them; nothing is fresh until the operator types in what the
// status told him, and then all goes on without them.
func TestLossAccepted(t *testing.T) {
	takesLong(t)
	c := newCluster(t)
	p := c.serve("--max-staleness", "2s").ready()
	c.addProbe(p, 40)
	c.patience = 30 * time.Second
	c.optOut("c-0")
	c.settled(p)
	p.stop()

	tp := consumers.TopicPartition{Topic: "sms.opted_out", Partition: partitionOf("c-0")}
	loss := bitmaps.Loss{Topic: tp.Topic, Partition: tp.Partition, From: c.end(tp)}
	contacts := probed(tp.Partition, 4)
	for _, contact := range contacts[1:3] {
		c.optOut(contact)
	}
	loss.To = c.end(tp)
	c.optOut(contacts[3])
	kept := c.log(func(r *consumers.Record) bool {
		return r.TopicPartition != tp || r.Offset < loss.From || r.Offset >= loss.To
	}, producersTopics...)
	c.deleteRecords(tp, loss.To)

	p = c.serve("--max-staleness", "2s")
	p.expectClosed(t, "data lost: "+loss.String(), time.Second)
	expectLossTold(t, p, loss)
	accept := tellsHowToAccept(t, p)
	if want := fmt.Sprintf("loss accept %s %d --from %d --to %d", loss.Topic, loss.Partition, loss.From, loss.To); accept != want {
		t.Errorf("the status tells to run %q, want %q", accept, want)
	}
	less := strings.TrimSuffix(accept, fmt.Sprint(loss.To)) + fmt.Sprint(loss.To-1)
	acceptLoss(t, p, less)
	p.expectClosed(t, "data lost: "+loss.String(), 2*time.Second)

	acceptLoss(t, p, accept)
	began := time.Now()
	s := c.settled(p)
	t.Logf("all is well %v after the loss was accepted", time.Since(began).Round(100*time.Millisecond))
	expectLossAccepted(t, c, p, s, loss, kept)
	p.stop()
	p = c.serve("--max-staleness", "2s").ready()
	expectLossAccepted(t, c, p, c.settled(p), loss, kept)
}

// expectLossTold expects the loss, and no other, wherever one looks.
func expectLossTold(t *testing.T, p *process, loss bitmaps.Loss) {
	t.Helper()
	s := status(t, p)
	if !s.DataLost || !slices.Equal(s.Losses, []bitmaps.Loss{loss}) || !slices.Contains(s.DataLostReasons, loss.String()) {
		t.Errorf("data lost: %v, %+v, %q", s.DataLost, s.Losses, s.DataLostReasons)
	}
	if lost := metric(t, p, "rollcall_data_lost"); lost != 1 {
		t.Errorf("the metric rollcall_data_lost is %v", lost)
	}
	if !strings.Contains(p.output(), loss.String()) {
		t.Error("the log says nothing of the loss")
	}
}

// tellsHowToAccept is the command that the status tells to run.
func tellsHowToAccept(t *testing.T, p *process) string {
	t.Helper()
	_, out, _ := rollcall(t, p, operatorToken, "status")
	for line := range strings.Lines(out) {
		if command, ok := strings.CutPrefix(strings.TrimSpace(line), "rollcall "); ok {
			return command
		}
	}
	t.Fatalf("the status tells no command:\n%s", out)
	return ""
}

func acceptLoss(t *testing.T, p *process, command string) {
	t.Helper()
	if code, out, errs := rollcall(t, p, operatorToken, strings.Fields(command)...); code != 0 {
		t.Fatalf("rollcall %s: exit %d\n%s%s", command, code, out, errs)
	}
}

// expectLossAccepted expects that what was lost counts as such, and the rest as ever.
func expectLossAccepted(t *testing.T, c *cluster, p *process, s api.Status, loss bitmaps.Loss, kept []naive.Record) {
	t.Helper()
	if s.DataLost || metric(t, p, "rollcall_data_lost") != 0 {
		t.Errorf("data is still lost: %+v, %q", s.Losses, s.DataLostReasons)
	}
	p.ready()
	if lost := s.Outcomes["lost"]; lost != loss.To-loss.From {
		t.Errorf("%d records are counted as lost, want %d", lost, loss.To-loss.From)
	}
	c.expectAllCounted(s)
	tenants := []tenant{probe}
	want := naive.Fold(naive.World{Partitions: 8, Records: kept, Accounts: []naive.Account{probe.naive(t)}}, time.Now())
	compare(t, tenants, c.collect(p, tenants), want, nil)
}
