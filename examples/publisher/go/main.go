// Command publisher sends a month of one employer and a region's coverage as
// facts:
//
//	publisher BOOTSTRAP [CONTRIBUTIONS [COVERAGE]]
//
// It needs franz-go and nothing of Paritrana's, and exits with 0 only when the
// broker has acknowledged every fact. The employer, the region's figures and
// the payments are invented.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// source is your system: /bpjs/ and the name that was agreed with you.
	source = "/bpjs/sipp"
	types  = "id.go.bpjsketenagakerjaan."
	wait   = 30 * time.Second

	employer = "90000017"
	region   = "75.71"
	month    = "2021-03"
)

// A fact is one statement of your system.
//
// Its id comes from your own records, so that the same fact has the same id
// whenever it is sent. That makes resending safe: the same id with the same
// content counts once, however often it arrives. A fresh random id for each
// attempt would turn a retry after a crash into a second fact.
type fact struct {
	kind string
	id   string
	// time is when your system came to know it, with the zone; not when it is
	// sent.
	time string
	// key is whom it is about: the employer, or the region. Another key is
	// refused.
	key        string
	data       any
	structured bool
}

type employerRegistered struct {
	Employer    string `json:"employer"`
	SizeClass   string `json:"size_class"`
	Region      string `json:"region"`
	ObligedFrom string `json:"obliged_from"`
}

type contributionDue struct {
	Employer string `json:"employer"`
	Month    string `json:"month"`
	// Amount is in whole rupiah: an integer, never a float or a text.
	Amount int64 `json:"amount"`
}

type contributionPaid struct {
	Employer      string `json:"employer"`
	Month         string `json:"month"`
	Amount        int64  `json:"amount"`
	PaidOn        string `json:"paid_on"`
	BankReference string `json:"bank_reference"`
}

// contributionCorrected says how an earlier fact should read. What is left out
// stays as it was, so a field without a value must not be written at all.
type contributionCorrected struct {
	Employer string `json:"employer"`
	Month    string `json:"month"`
	Corrects string `json:"corrects"`
	Revision int    `json:"revision"`
	Amount   *int64 `json:"amount,omitempty"`
	PaidOn   string `json:"paid_on,omitempty"`
}

type coverageReported struct {
	Region                string `json:"region"`
	AsOf                  string `json:"as_of"`
	WageWorkersCovered    int64  `json:"wage_workers_covered"`
	WageWorkersTotal      int64  `json:"wage_workers_total"`
	NonWageWorkersCovered int64  `json:"non_wage_workers_covered"`
	NonWageWorkersTotal   int64  `json:"non_wage_workers_total"`
}

var facts = []fact{
	{
		kind: "EmployerRegistered", id: "registration-90000017-1", time: "2021-01-04T09:00:00+07:00", key: employer,
		data: employerRegistered{Employer: employer, SizeClass: "medium", Region: region, ObligedFrom: "2021-01"},
	},
	{
		kind: "ContributionDue", id: "due-90000017-2021-03", time: "2021-04-01T06:00:00+07:00", key: employer,
		data: contributionDue{Employer: employer, Month: month, Amount: 12_500_000},
	},
	{
		kind: "ContributionPaid", id: "payment-2021-000017", time: "2021-04-13T10:15:00+07:00", key: employer,
		data: contributionPaid{
			Employer: employer, Month: month, Amount: 12_000_000,
			PaidOn: "2021-04-13", BankReference: "BRI/20210413/000017",
		},
	},
	{
		kind: "ContributionPaid", id: "payment-2021-000042", time: "2021-04-15T14:40:00+07:00", key: employer,
		data: contributionPaid{
			Employer: employer, Month: month, Amount: 1_000_000,
			PaidOn: "2021-04-15", BankReference: "BRI/20210415/000042",
		},
		structured: true,
	},
	// The first payment had been typed wrongly. A fact is never changed:
	// another one says how it should read.
	{
		kind: "ContributionCorrected", id: "correction-2021-000003", time: "2021-04-16T08:00:00+07:00", key: employer,
		data: contributionCorrected{
			Employer: employer, Month: month, Corrects: "payment-2021-000017", Revision: 1, Amount: new(int64(11_500_000)),
		},
	},
	{
		kind: "CoverageReported", id: "coverage-75.71-2021-03-31-1", time: "2021-04-05T09:00:00+07:00", key: region,
		data: coverageReported{
			Region: region, AsOf: "2021-03-31",
			WageWorkersCovered: 61_250, WageWorkersTotal: 80_400,
			NonWageWorkersCovered: 9_100, NonWageWorkersTotal: 35_000,
		},
	},
}

// record returns the fact as a message, in the binary or in the structured
// mode of CloudEvents; either is fine.
func (f fact) record(topic string) (*kgo.Record, error) {
	attributes := map[string]string{
		"specversion": "1.0", "id": f.id, "source": source, "type": types + f.kind + ".v1", "time": f.time,
	}
	record := &kgo.Record{Topic: topic, Key: []byte(f.key)}
	var content any = f.data
	if f.structured {
		document := map[string]any{"data": f.data}
		for name, value := range attributes {
			document[name] = value
		}
		content = document
		record.Headers = []kgo.RecordHeader{{Key: "content-type", Value: []byte("application/cloudevents+json")}}
	} else {
		record.Headers = []kgo.RecordHeader{{Key: "content-type", Value: []byte("application/json")}}
		for name, value := range attributes {
			record.Headers = append(record.Headers, kgo.RecordHeader{Key: "ce_" + name, Value: []byte(value)})
		}
	}
	value, err := json.Marshal(content)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", f.kind, f.id, err)
	}
	record.Value = value
	return record, nil
}

// records returns the facts as messages, and which fact each message is.
func records(contributions, coverage string) ([]*kgo.Record, map[*kgo.Record]fact, error) {
	all := make([]*kgo.Record, 0, len(facts))
	said := make(map[*kgo.Record]fact, len(facts))
	for _, each := range facts {
		topic := contributions
		if each.key == region {
			topic = coverage
		}
		record, err := each.record(topic)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, record)
		said[record] = each
	}
	return all, said, nil
}

// newClient returns a client that loses nothing and doubles nothing.
func newClient(bootstrap string) (*kgo.Client, error) {
	return kgo.NewClient(
		kgo.SeedBrokers(bootstrap),
		kgo.ClientID("sipp"),
		// Acknowledged means that every in-sync replica has it: one broker's
		// death then loses nothing. With this franz-go is idempotent unless
		// told otherwise: its own retries are neither doubled nor reordered.
		// It chooses the partition of a key as Kafka's Java client does.
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.ProducerBatchCompression(kgo.Lz4Compression()),
		kgo.RecordDeliveryTimeout(wait),
	)
}

// run sends the facts and waits for every acknowledgement.
func run(bootstrap, contributions, coverage string) error {
	all, said, err := records(contributions, coverage)
	if err != nil {
		return err
	}
	client, err := newClient(bootstrap)
	if err != nil {
		return err
	}
	defer client.Close()

	ctx, cancel := context.WithTimeout(context.Background(), wait+5*time.Second)
	defer cancel()
	failed := 0
	for _, result := range client.ProduceSync(ctx, all...) {
		record, sent := result.Record, said[result.Record]
		if result.Err != nil {
			failed++
			fmt.Fprintf(os.Stderr, "not acknowledged: %s %s: %v\n", sent.kind, sent.id, result.Err)
			continue
		}
		fmt.Printf("%s %s: %s/%d/%d\n", sent.kind, sent.id, record.Topic, record.Partition, record.Offset)
	}
	if failed > 0 {
		// It may have been written all the same. Send everything again: that
		// is always right.
		return fmt.Errorf("%d of %d facts were not acknowledged", failed, len(all))
	}
	return nil
}

func main() {
	if len(os.Args) < 2 || len(os.Args) > 4 {
		fmt.Fprintln(os.Stderr, "usage: publisher BOOTSTRAP [CONTRIBUTIONS-TOPIC [COVERAGE-TOPIC]]")
		os.Exit(2)
	}
	topics := []string{"bpjs.contributions.v1", "bpjs.coverage.v1"}
	copy(topics, os.Args[2:])
	if err := run(os.Args[1], topics[0], topics[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
