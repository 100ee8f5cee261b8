package consumers

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/fetch"
	"github.com/segmentio/kafka-go/protocol/listoffsets"
	"github.com/segmentio/kafka-go/protocol/metadata"
	"github.com/segmentio/kafka-go/protocol/rawproduce"
)

// kafka-go encodes and decodes messages by reflection over their fields, so a
// struct with the same fields in the same order takes the place of its own.
// The types below do so for three reasons: to name the broker ourselves
// instead of by a cached picture of the cluster, to take record sets as bytes,
// and to put many partitions in one request where kafka-go sends many.

func init() {
	protocol.Register(&fetchRequest{}, &fetchResponse{})
}

// toBroker routes a request to the broker of that id.
func toBroker(id int32) (protocol.Broker, error) { return protocol.Broker{ID: id}, nil }

type fetchRequest struct {
	ReplicaID       int32                         `kafka:"min=v0,max=v11"`
	MaxWaitTime     int32                         `kafka:"min=v0,max=v11"`
	MinBytes        int32                         `kafka:"min=v0,max=v11"`
	MaxBytes        int32                         `kafka:"min=v3,max=v11"`
	IsolationLevel  int8                          `kafka:"min=v4,max=v11"`
	SessionID       int32                         `kafka:"min=v7,max=v11"`
	SessionEpoch    int32                         `kafka:"min=v7,max=v11"`
	Topics          []fetch.RequestTopic          `kafka:"min=v0,max=v11"`
	ForgottenTopics []fetch.RequestForgottenTopic `kafka:"min=v7,max=v11"`
	RackID          string                        `kafka:"min=v11,max=v11"`

	broker int32
}

func (r *fetchRequest) ApiKey() protocol.ApiKey { return protocol.Fetch }

func (r *fetchRequest) Broker(protocol.Cluster) (protocol.Broker, error) { return toBroker(r.broker) }

type fetchResponse struct {
	ThrottleTimeMs int32                `kafka:"min=v1,max=v11"`
	ErrorCode      int16                `kafka:"min=v7,max=v11"`
	SessionID      int32                `kafka:"min=v7,max=v11"`
	Topics         []fetchResponseTopic `kafka:"min=v0,max=v11"`
}

func (r *fetchResponse) ApiKey() protocol.ApiKey { return protocol.Fetch }

type fetchResponseTopic struct {
	Topic      string                   `kafka:"min=v0,max=v11"`
	Partitions []fetchResponsePartition `kafka:"min=v0,max=v11"`
}

type fetchResponsePartition struct {
	Partition            int32                       `kafka:"min=v0,max=v11"`
	ErrorCode            int16                       `kafka:"min=v0,max=v11"`
	HighWatermark        int64                       `kafka:"min=v0,max=v11"`
	LastStableOffset     int64                       `kafka:"min=v4,max=v11"`
	LogStartOffset       int64                       `kafka:"min=v5,max=v11"`
	AbortedTransactions  []fetch.ResponseTransaction `kafka:"min=v4,max=v11"`
	PreferredReadReplica int32                       `kafka:"min=v11,max=v11"`
	RecordSet            recordSet                   `kafka:"min=v0,max=v11"`
}

// recordSet is the undecoded record batches of one partition.
type recordSet struct {
	buf  *buffer // nil if there are none
	size [4]byte
}

// maxRecordSet guards against a damaged size.
const maxRecordSet = 1 << 30

// ReadFrom takes the set from a response.
func (s *recordSet) ReadFrom(r io.Reader) (int64, error) {
	if n, err := io.ReadFull(r, s.size[:]); err != nil {
		return int64(n), err
	}
	size := int32(binary.BigEndian.Uint32(s.size[:]))
	if size <= 0 {
		return 4, nil
	}
	if size > maxRecordSet {
		return 4, fmt.Errorf("record set of %d bytes", size)
	}
	n, err := s.read(r, int(size))
	return 4 + int64(n), err
}

// read takes that many bytes. A size that is larger than sets commonly are has
// to prove true before there is memory for all of it.
func (s *recordSet) read(r io.Reader, size int) (n int, err error) {
	const common = 1 << largestBuffer
	if size <= common {
		s.buf = newBuffer(size)
		return io.ReadFull(r, s.buf.b)
	}
	buf, err := readAll(io.LimitReader(r, int64(size)), newBuffer(common), size)
	if err != nil {
		return 0, err
	}
	if s.buf = buf; len(buf.b) < size {
		err = io.ErrUnexpectedEOF
	}
	return len(buf.b), err
}

// WriteTo is the inverse, which kafka-go wants of a message type.
func (s *recordSet) WriteTo(w io.Writer) (int64, error) {
	var set []byte
	if s.buf != nil {
		set = s.buf.b
	}
	n, err := w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(set))), set...))
	return int64(n), err
}

func (s *recordSet) bytes() []byte {
	if s.buf == nil {
		return nil
	}
	return s.buf.b
}

// listOffsetsRequest stands for kafka-go's, whose partitions would each be sent
// in a request, and over a connection, of its own.
type listOffsetsRequest struct {
	ReplicaID      int32
	IsolationLevel int8
	Topics         []listoffsets.RequestTopic

	broker int32
}

func (r *listOffsetsRequest) ApiKey() protocol.ApiKey { return protocol.ListOffsets }

func (r *listOffsetsRequest) Broker(protocol.Cluster) (protocol.Broker, error) {
	return toBroker(r.broker)
}

// produceRequest stands for kafka-go's request of encoded record sets, which goes
// to the leader that was cached up to seconds ago.
type produceRequest struct {
	TransactionalID string
	Acks            int16
	Timeout         int32
	Topics          []rawproduce.RequestTopic

	broker int32
}

// TypeKey has it encoded as kafka-go's.
func (r *produceRequest) TypeKey() protocol.OverrideTypeKey { return protocol.RawProduceOverride }

func (r *produceRequest) ApiKey() protocol.ApiKey { return protocol.Produce }

func (r *produceRequest) Broker(protocol.Cluster) (protocol.Broker, error) {
	return toBroker(r.broker)
}

// metadataRequest stands for kafka-go's, which is answered from a cache. As the
// transport knows that one by the type of its answer, this one does its own
// exchange and wraps the answer.
type metadataRequest struct {
	topics   []string // nil: all
	rights   bool     // what this client may do is asked for too
	clientID string
	version  int16
}

type metadataResponse struct{ *metadata.Response }

func (r *metadataRequest) ApiKey() protocol.ApiKey { return protocol.Metadata }

// Required notes the version that was negotiated and asks for RawExchange.
func (r *metadataRequest) Required(versions map[protocol.ApiKey]int16) bool {
	r.version = versions[protocol.Metadata]
	return true
}

// RawExchange sends the request and reads the answer.
func (r *metadataRequest) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	const correlation = 1
	req := &metadata.Request{
		TopicNames: r.topics, IncludeClusterAuthorizedOperations: r.rights, IncludeTopicAuthorizedOperations: r.rights,
	}
	if err := protocol.WriteRequest(rw, r.version, correlation, r.clientID, req); err != nil {
		return nil, err
	}
	id, res, err := protocol.ReadResponse(rw, protocol.Metadata, r.version)
	if err != nil {
		return nil, err
	}
	if id != correlation {
		return nil, fmt.Errorf("metadata: answer %d to request %d", id, correlation)
	}
	return metadataResponse{res.(*metadata.Response)}, nil
}
