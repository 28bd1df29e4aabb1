#!/usr/bin/env bash
# Send a month of one employer and a region's coverage as facts: publish.sh BOOTSTRAP [CONTRIBUTIONS [COVERAGE]]
#
# Needs Kafka's console producer and nothing of Paritrana's: bin/kafka-console-producer.sh of Kafka 4.2 or later, which
# is taken from the PATH; or KAFKA_CLASS_PATH with its jars, and Java. (Before 4.2 the options --reader-property and
# --command-property are called --property and --producer-property.) It is for a first try and for a fact by hand; a
# system that publishes every day wants a client that tells it where each fact lies. Ends with 0 only when the broker has
# acknowledged every fact. The employer, the region's figures and the payments are invented.
set -euo pipefail

if (($# < 1 || $# > 3)); then
  echo "usage: publish.sh BOOTSTRAP [CONTRIBUTIONS-TOPIC [COVERAGE-TOPIC]]" >&2
  exit 2
fi
bootstrap=$1 contributions=${2:-bpjs.contributions.v1} coverage=${3:-bpjs.coverage.v1}

source=/bpjs/sipp # your system: /bpjs/ and the name that was agreed with you
types=id.go.bpjsketenagakerjaan
employer=90000017 region=75.71

if [[ -n ${KAFKA_CLASS_PATH:-} ]]; then
  producer=("${JAVA_HOME:+$JAVA_HOME/bin/}java" -cp "$KAFKA_CLASS_PATH" org.apache.kafka.tools.ConsoleProducer)
else
  producer=(kafka-console-producer.sh)
fi

# A line is headers, a tab, the key, a tab, the value. The id comes from your own records, so that the same fact has the
# same id whenever it is sent: the same id with the same content counts once, however often it arrives. The time is when
# your system came to know it, with the zone. The key is whom the fact is about; another key is refused. Amounts are
# whole rupiah without quotes.
binary() { # binary KIND ID TIME KEY DATA: attributes in headers, the value is the data
  printf 'ce_specversion:1.0,ce_id:%s,ce_source:%s,ce_type:%s.%s.v1,ce_time:%s,content-type:application/json\t%s\t%s\n' \
    "$2" "$source" "$types" "$1" "$3" "$4" "$5"
}
structured() { # structured KIND ID TIME KEY DATA: all of it in the value
  printf 'content-type:application/cloudevents+json\t%s\t' "$4"
  printf '{"specversion":"1.0","id":"%s","source":"%s","type":"%s.%s.v1","time":"%s","data":%s}\n' \
    "$2" "$source" "$types" "$1" "$3" "$5"
}

about_employer() {
  binary EmployerRegistered registration-$employer-1 2021-01-04T09:00:00+07:00 $employer \
    '{"employer":"90000017","size_class":"medium","region":"75.71","obliged_from":"2021-01"}'
  binary ContributionDue due-$employer-2021-03 2021-04-01T06:00:00+07:00 $employer \
    '{"employer":"90000017","month":"2021-03","amount":12500000}'
  binary ContributionPaid payment-2021-000017 2021-04-13T10:15:00+07:00 $employer \
    '{"employer":"90000017","month":"2021-03","amount":12000000,"paid_on":"2021-04-13","bank_reference":"BRI/20210413/000017"}'
  structured ContributionPaid payment-2021-000042 2021-04-15T14:40:00+07:00 $employer \
    '{"employer":"90000017","month":"2021-03","amount":1000000,"paid_on":"2021-04-15","bank_reference":"BRI/20210415/000042"}'
  # The first payment had been typed wrongly. A fact is never changed: another one says how it should read.
  binary ContributionCorrected correction-2021-000003 2021-04-16T08:00:00+07:00 $employer \
    '{"employer":"90000017","month":"2021-03","corrects":"payment-2021-000017","revision":1,"amount":11500000}'
}
about_region() {
  binary CoverageReported coverage-$region-2021-03-31-1 2021-04-05T09:00:00+07:00 $region \
    '{"region":"75.71","as_of":"2021-03-31","wage_workers_covered":61250,"wage_workers_total":80400,"non_wage_workers_covered":9100,"non_wage_workers_total":35000}'
}

# acks=all: acknowledged means that every in-sync replica has it, so one broker's death loses nothing. Idempotent: the
# program's own retries are neither doubled nor reordered. --sync: without it the program only prints what was not
# acknowledged, and ends with 0. --timeout: it need not wait a second for more to come, before it sends a line. What was
# not acknowledged may have been written all the same: send all of it again.
send() { # send TOPIC: each line that is read
  "${producer[@]}" --bootstrap-server "$bootstrap" --topic "$1" --sync --timeout 0 \
    --reader-property parse.headers=true --reader-property parse.key=true \
    --command-property acks=all --command-property enable.idempotence=true \
    --command-property delivery.timeout.ms=30000 --command-property request.timeout.ms=15000 \
    --command-property max.block.ms=30000 >&2
}

publish() { # publish TOPIC FACTS: the console producer does not say where a fact lies, only that all of them are there
  local facts
  facts=$("$2")
  if ! send "$1" <<<"$facts"; then
    echo "not acknowledged: facts for $1" >&2
    return 1
  fi
  echo "$1: $(wc -l <<<"$facts") facts acknowledged"
}

publish "$contributions" about_employer
publish "$coverage" about_region
