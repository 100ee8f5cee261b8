package consumers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/describegroups"
	"github.com/segmentio/kafka-go/protocol/metadata"
)

// Inspection is what a cluster says of itself, to this client.
type Inspection struct {
	Brokers []string             // as they are advertised, host:port
	Topics  map[string]TopicLook // those that exist, or can't be looked at
	// Grouped says that there have been consumer groups: Kafka's own topic for
	// them exists, and asking for a group does not create it.
	Grouped bool
}

// TopicLook is how a topic is.
type TopicLook struct {
	Err        error // it can't be looked at; the rest is empty then
	Partitions int
	Leaderless int // partitions without a leader
	Replicas   int // copies of the partition that has the fewest
	InSync     int // copies in sync, likewise
	Rights     Rights
	Config     map[string]string
	ConfigErr  error // its configuration can't be read
}

// Rights are Kafka's operations as a set of bits. Nothing is known of none.
type Rights int32

const (
	opRead     = 3
	opWrite    = 4
	opDescribe = 8
	notTold    = -1 << 31 // the broker was not asked, or does not say
)

// Known tells whether there is anything to go by.
func (r Rights) Known() bool { return r != 0 && r != notTold }

// Read, Write and Describe tell what is allowed.

func (r Rights) Read() bool     { return r&(1<<opRead) != 0 }
func (r Rights) Write() bool    { return r&(1<<opWrite) != 0 }
func (r Rights) Describe() bool { return r&(1<<opDescribe) != 0 }

// Inspect looks at the topics, and at their configuration by name, without
// changing anything.
func (c *Client) Inspect(ctx context.Context, topics, configs []string) (*Inspection, error) {
	const groups = "__consumer_offsets"
	res, err := c.roundTrip(ctx, c.cfg.RequestTimeout, &metadataRequest{
		topics: append([]string{groups}, topics...), rights: true, clientID: c.cfg.ClientID,
	})
	if err != nil {
		return nil, fmt.Errorf("asking for the cluster's metadata: %w", err)
	}
	answer := res.(metadataResponse)
	found := &Inspection{Topics: map[string]TopicLook{}}
	for _, b := range answer.Brokers {
		found.Brokers = append(found.Brokers, net.JoinHostPort(b.Host, strconv.Itoa(int(b.Port))))
	}
	var existing []string
	for _, t := range answer.Topics {
		switch code := kafka.Error(t.ErrorCode); {
		case code == kafka.UnknownTopicOrPartition:
		case t.Name == groups:
			found.Grouped = t.ErrorCode == 0
		case t.ErrorCode != 0 && code != kafka.LeaderNotAvailable:
			found.Topics[t.Name] = TopicLook{Err: code}
		default:
			found.Topics[t.Name] = look(t)
			existing = append(existing, t.Name)
		}
	}
	if len(existing) == 0 {
		return found, nil
	}
	values, errs, err := c.topicConfigs(ctx, existing, configs...)
	if err != nil {
		return nil, err
	}
	for _, name := range existing {
		t := found.Topics[name]
		t.Config, t.ConfigErr = values[name], errs[name]
		found.Topics[name] = t
	}
	return found, nil
}

func look(t metadata.ResponseTopic) TopicLook {
	l := TopicLook{Partitions: len(t.Partitions), Rights: Rights(t.TopicAuthorizedOperations)}
	for i, p := range t.Partitions {
		if p.LeaderID < 0 {
			l.Leaderless++
		}
		if n := len(p.ReplicaNodes); i == 0 || n < l.Replicas {
			l.Replicas = n
		}
		if n := len(p.IsrNodes); i == 0 || n < l.InSync {
			l.InSync = n
		}
	}
	return l
}

// TryCreate asks the brokers whether they would create the topics, which they
// do not do.
func (c *Client) TryCreate(ctx context.Context, specs []TopicSpec) error {
	req := &kafka.CreateTopicsRequest{ValidateOnly: true}
	for _, s := range specs {
		req.Topics = append(req.Topics, s.kafka())
	}
	res, err := c.kafkaClient().CreateTopics(ctx, req)
	if err != nil {
		return err
	}
	var errs []error
	for _, s := range specs {
		if err := res.Errors[s.Name]; err != nil && !errors.Is(err, kafka.TopicAlreadyExists) {
			errs = append(errs, fmt.Errorf("topic %s: %w", s.Name, err))
		}
	}
	return errors.Join(errs...)
}

// GroupLook is how a consumer group is.
type GroupLook struct {
	State   string // as Kafka calls it; Dead is one that nobody joined yet
	Members int
	Rights  Rights
}

// InspectGroup asks the group's coordinator. Kafka creates its own topic for
// groups when it is asked first, so see [Inspection.Grouped] before.
func (c *Client) InspectGroup(ctx context.Context, id string) (GroupLook, error) {
	res, err := c.roundTrip(ctx, c.cfg.RequestTimeout, &describegroups.Request{Groups: []string{id}, IncludeAuthorizedOperations: true})
	if err != nil {
		return GroupLook{}, err
	}
	groups := res.(*describegroups.Response).Groups
	if len(groups) == 0 {
		return GroupLook{}, errors.New("no answer")
	}
	g := &groups[0] // it was asked for one
	if g.ErrorCode != 0 {
		return GroupLook{}, kafka.Error(g.ErrorCode)
	}
	return GroupLook{State: g.GroupState, Members: len(g.Members), Rights: Rights(g.AuthorizedOperations)}, nil
}

// ReachBroker is [Client.Reach] for one broker, without asking again.
func (c *Client) ReachBroker(ctx context.Context, address string) error { return c.reach(ctx, address) }

// LockedOut tells whether a broker, which answers, refuses the certificate, the
// user or the password.
func LockedOut(err error) bool { return locked(err) || hungUp(err) }

// Forbidden tells whether an error is a right that is missing.
func Forbidden(err error) bool {
	return errors.Is(err, kafka.TopicAuthorizationFailed) || errors.Is(err, kafka.GroupAuthorizationFailed) ||
		errors.Is(err, kafka.ClusterAuthorizationFailed)
}

// Unspoken names the parts of Kafka's protocol that a client of ours needs, and
// that a broker does not speak in any version that it knows.
func (c *Client) Unspoken(ctx context.Context) ([]string, error) {
	res, err := c.kafkaClient().ApiVersions(ctx, &kafka.ApiVersionsRequest{})
	if err == nil {
		err = res.Error
	}
	if err != nil {
		return nil, fmt.Errorf("asking for the versions of the protocol: %w", err)
	}
	spoken := map[protocol.ApiKey]kafka.ApiVersionsResponseApiKey{}
	for _, k := range res.ApiKeys {
		spoken[protocol.ApiKey(k.ApiKey)] = k
	}
	var missing []string
	for _, n := range needs() {
		if has, ok := spoken[n.key]; !ok || has.MinVersion > n.max || has.MaxVersion < n.min {
			missing = append(missing, n.key.String())
		}
	}
	return missing, nil
}

type need struct {
	key      protocol.ApiKey
	min, max int
}

// needs are the requests that are sent, with the versions of them that are
// known here. kafka-go's consumer groups speak versions of their own.
func needs() []need {
	all := []need{
		{protocol.FindCoordinator, 0, 0}, {protocol.JoinGroup, 1, 2}, {protocol.SyncGroup, 0, 0}, {protocol.Heartbeat, 0, 0},
		{protocol.LeaveGroup, 0, 0}, {protocol.OffsetCommit, 2, 2}, {protocol.OffsetFetch, 1, 1},
	}
	for _, key := range []protocol.ApiKey{
		protocol.Produce, protocol.Fetch, protocol.ListOffsets, protocol.Metadata, protocol.CreateTopics, protocol.DescribeConfigs,
	} {
		all = append(all, need{key, int(key.MinVersion()), int(key.MaxVersion())})
	}
	return all
}
