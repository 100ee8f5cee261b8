package servers

import (
	"fmt"
	"strings"
)

// Secure has every broker listen at a second address too, which takes TLS with
// a certificate of the authority, and a user and password by SASL: PLAIN,
// SCRAM-SHA-256 or SCRAM-SHA-512.
type Secure struct {
	CA             *Authority
	Pair           Pair // the brokers' own
	User, Password string
}

// Secured makes the brokers listen as s says.
func Secured(s Secure) KafkaOption { return func(c *kafkaConfig) { c.secure = &s } }

const scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"

// lock adds the listener to a node.
func (s *Secure) lock(n *node) (err error) {
	if s == nil {
		return nil
	}
	if n.secure, err = freePort(); err != nil {
		return err
	}
	p := n.properties
	p["listeners"] += ",SASL_SSL://" + loopback(n.secure)
	p["advertised.listeners"] += ",SASL_SSL://" + loopback(n.secure)
	p["listener.security.protocol.map"] = "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL"
	p["sasl.enabled.mechanisms"] = "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512"
	const listener = "listener.name.sasl_ssl."
	p[listener+"plain.sasl.jaas.config"] = fmt.Sprintf(
		"org.apache.kafka.common.security.plain.PlainLoginModule required user_%s=%q;", s.User, s.Password)
	p[listener+"scram-sha-256.sasl.jaas.config"] = scram
	p[listener+"scram-sha-512.sasl.jaas.config"] = scram
	p[listener+"ssl.client.auth"] = "required"
	p[listener+"ssl.keystore.type"], p[listener+"ssl.keystore.location"] = "PEM", s.Pair.BothFile
	p[listener+"ssl.truststore.type"], p[listener+"ssl.truststore.location"] = "PEM", s.CA.File
	return nil
}

// format gives the storage tool the users of SCRAM, which are kept there.
func (s *Secure) format() (args []string) {
	if s == nil {
		return nil
	}
	for mechanism := range strings.FieldsSeq("SCRAM-SHA-256 SCRAM-SHA-512") {
		args = append(args, "--add-scram", fmt.Sprintf("%s=[name=%s,password=%s]", mechanism, s.User, s.Password))
	}
	return args
}
