package main

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"

	"github.com/redis/go-redis/v9"

	"rollcall/consumers"
)

// kafkaFlags is how to get into Kafka.
type kafkaFlags struct {
	KafkaTLS          bool   `name:"kafka-tls" help:"Encrypt connections to Kafka; the files below imply it." group:"Servers"`
	KafkaCAFile       string `help:"PEM file with the authorities that Kafka's certificates may come from; default the system's." group:"Servers"`
	KafkaCertFile     string `help:"PEM file with the certificate to show to Kafka." group:"Servers"`
	KafkaKeyFile      string `help:"PEM file with the key of that certificate." group:"Servers"`
	KafkaSASL         string `name:"kafka-sasl" enum:",PLAIN,SCRAM-SHA-256,SCRAM-SHA-512" default:"" help:"How to log in to Kafka: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512." group:"Servers"`
	KafkaUser         string `help:"Who to log in to Kafka as." group:"Servers"`
	KafkaPassword     string `help:"The password for Kafka; better in the environment or in a file." group:"Servers"`
	KafkaPasswordFile string `help:"A file with the password for Kafka." group:"Servers"`
}

// config is the part of a Kafka client's configuration that opens doors.
func (f *kafkaFlags) config(brokers []string) (consumers.Config, error) {
	cfg := consumers.Config{Brokers: brokers}
	var err error
	if cfg.TLS, err = (tlsFiles{f.KafkaTLS, f.KafkaCAFile, f.KafkaCertFile, f.KafkaKeyFile}).config(); err != nil {
		return cfg, fmt.Errorf("TLS to Kafka: %w", err)
	}
	password, err := secret(f.KafkaPassword, f.KafkaPasswordFile)
	if err != nil {
		return cfg, fmt.Errorf("password for Kafka: %w", err)
	}
	switch {
	case f.KafkaSASL == "" && (f.KafkaUser != "" || password != ""):
		return cfg, errors.New("a user or password for Kafka needs --kafka-sasl, which says how to log in")
	case f.KafkaSASL != "" && (f.KafkaUser == "" || password == ""):
		return cfg, errors.New("--kafka-sasl needs --kafka-user, and a password (ROLLCALL_KAFKA_PASSWORD, or --kafka-password-file)")
	case f.KafkaSASL == "PLAIN" && cfg.TLS == nil:
		slog.Warn("the password for Kafka is sent unencrypted: PLAIN without --kafka-tls")
	}
	if f.KafkaSASL != "" {
		cfg.SASL = &consumers.SASL{Mechanism: f.KafkaSASL, Username: f.KafkaUser, Password: password}
	}
	return cfg, nil
}

// redisFlags is how to get into Redis, beside what its URL says.
type redisFlags struct {
	RedisCAFile       string `help:"PEM file with the authorities that Redis' certificates may come from; default the system's." group:"Servers"`
	RedisCertFile     string `help:"PEM file with the certificate to show to Redis." group:"Servers"`
	RedisKeyFile      string `help:"PEM file with the key of that certificate." group:"Servers"`
	RedisUser         string `help:"Who to log in to Redis as, if the URL doesn't say." group:"Servers"`
	RedisPassword     string `help:"The password for Redis; better in the environment or in a file." group:"Servers"`
	RedisPasswordFile string `help:"A file with the password for Redis." group:"Servers"`
}

// options reads one URL, or several addresses of a cluster, which share its
// user, its password and its TLS.
func (f *redisFlags) options(addresses string) (*redis.UniversalOptions, error) {
	first, more, _ := strings.Cut(addresses, ",")
	if _, err := url.Parse(first); err != nil { // which repeats the URL, and with it the password
		return nil, errors.New("--redis: expected an address such as redis://host:6379")
	}
	one, err := redis.ParseURL(first)
	if err != nil {
		return nil, fmt.Errorf("--redis: %w", err)
	}
	password, err := secret(f.RedisPassword, f.RedisPasswordFile)
	if err != nil {
		return nil, fmt.Errorf("password for Redis: %w", err)
	}
	o := &redis.UniversalOptions{
		Addrs: []string{one.Addr}, DB: one.DB,
		Username: cmp.Or(one.Username, f.RedisUser), Password: cmp.Or(one.Password, password),
		DisableIdentity: true, // a command more to be allowed, for nothing
	}
	for _, address := range strings.FieldsFunc(more, func(r rune) bool { return r == ',' }) {
		scheme, host, ok := strings.Cut(address, "://")
		if ok && !strings.HasPrefix(first, scheme+"://") {
			return nil, fmt.Errorf("--redis: all of a cluster is reached by %s, or none", scheme)
		}
		if !ok {
			host = address
		}
		o.Addrs = append(o.Addrs, host)
	}
	files := tlsFiles{one.TLSConfig != nil, f.RedisCAFile, f.RedisCertFile, f.RedisKeyFile}
	if one.TLSConfig == nil && files != (tlsFiles{}) {
		return nil, errors.New("certificates for Redis need a --redis that begins with rediss://")
	}
	if o.TLSConfig, err = files.config(); err != nil {
		return nil, fmt.Errorf("TLS to Redis: %w", err)
	}
	return o, nil
}

// tlsFiles is what a TLS client goes by; the names are of PEM files, or empty.
type tlsFiles struct {
	on            bool
	ca, cert, key string
}

// config is nil without TLS. The name that a certificate must be for is that of
// each server as it is dialled.
func (f tlsFiles) config() (*tls.Config, error) {
	if f == (tlsFiles{}) {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.ca != "" {
		pem, err := os.ReadFile(f.ca)
		if err != nil {
			return nil, err
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate in PEM form", f.ca)
		}
	}
	if (f.cert == "") != (f.key == "") {
		return nil, errors.New("a certificate needs its key, and a key its certificate")
	}
	if f.cert != "" {
		pair, err := tls.LoadX509KeyPair(f.cert, f.key)
		if err != nil {
			return nil, fmt.Errorf("certificate %s: %w", f.cert, err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// secret is a secret as it was given, or what a file holds, without the white
// space around it.
func secret(given, file string) (string, error) {
	if file == "" {
		return given, nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	text := strings.TrimSpace(string(b))
	if text == "" {
		return "", fmt.Errorf("%s is empty", file)
	}
	return text, nil
}
