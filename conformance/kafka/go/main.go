// What Redpanda Console asks of a broker, through the client it is made with: one entry per call,
// with what it was answered in short, or its error.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

type calls struct {
	ctx     context.Context
	client  *kgo.Client
	admin   *kadm.Client
	topic   string
	group   string
	answers map[string]any
}

func main() {
	bootstrap, topic, group := os.Args[1], os.Args[2], os.Args[3]
	ctx, cancel := context.WithTimeout(context.Background(), 40*time.Second)
	defer cancel()
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.ClientID("franz-go"))
	if err != nil {
		panic(err)
	}
	c := &calls{ctx, client, kadm.NewClient(client), topic, group, map[string]any{}}
	c.overview()
	c.topics()
	c.groups()
	c.changes()
	c.consume(bootstrap)
	client.Close()
	text, _ := json.Marshal(c.answers)
	fmt.Println(string(text))
}

func (c *calls) ask(name string, call func() (any, error)) {
	answer, err := call()
	if err != nil {
		answer = err.Error()
	}
	c.answers[name] = answer
}

func (c *calls) overview() {
	c.ask("api versions", func() (any, error) {
		versions, err := c.admin.ApiVersions(c.ctx)
		if err != nil {
			return nil, err
		}
		count := 0
		versions.Each(func(one kadm.BrokerApiVersions) {
			if one.Err == nil {
				count++
			}
		})
		return count, nil
	})
	c.ask("metadata", func() (any, error) {
		metadata, err := c.admin.Metadata(c.ctx)
		return fmt.Sprint(len(metadata.Brokers), metadata.Topics.Has(c.topic)), err
	})
	c.ask("log dirs", func() (any, error) {
		dirs, err := c.admin.DescribeAllLogDirs(c.ctx, nil)
		hasSize := false
		dirs.Each(func(dir kadm.DescribedLogDir) {
			dir.Topics.Each(func(one kadm.DescribedLogDirPartition) {
				hasSize = hasSize || one.Topic == c.topic && one.Size > 0
			})
		})
		return hasSize, err
	})
	c.ask("broker configs", func() (any, error) {
		brokers, err := c.admin.ListBrokers(c.ctx)
		if err != nil {
			return nil, err
		}
		configs, err := c.admin.DescribeBrokerConfigs(c.ctx, brokers.NodeIDs()...)
		return len(configs) == 1 && configs[0].Err == nil && len(configs[0].Configs) > 10, err
	})
	c.ask("reassignments", func() (any, error) {
		request := kmsg.NewPtrListPartitionReassignmentsRequest()
		response, err := request.RequestWith(c.ctx, c.client)
		if err != nil {
			return nil, err
		}
		return len(response.Topics), kerr.ErrorForCode(response.ErrorCode)
	})
	c.ask("quotas", func() (any, error) {
		quotas, err := c.admin.DescribeClientQuotas(c.ctx, false, nil)
		return len(quotas), err
	})
	c.ask("acls", func() (any, error) {
		filter := kadm.NewACLs().AnyResource().Allow().Deny().AllowHosts().DenyHosts().
			Operations(kadm.OpAny).ResourcePatternType(kadm.ACLPatternAny)
		results, err := c.admin.DescribeACLs(c.ctx, filter)
		if err != nil {
			return nil, err
		}
		for _, result := range results {
			if result.Err != nil {
				return nil, result.Err
			}
		}
		return 0, nil
	})
}

func (c *calls) topics() {
	c.ask("topic configs", func() (any, error) {
		configs, err := c.admin.DescribeTopicConfigs(c.ctx, c.topic)
		if err != nil {
			return nil, err
		}
		one, err := configs.On(c.topic, nil)
		if err != nil {
			return nil, err
		}
		return one.Err == nil && len(one.Configs) > 10, nil
	})
	c.ask("topic offsets", func() (any, error) {
		starts, err := c.admin.ListStartOffsets(c.ctx, c.topic)
		if err != nil {
			return nil, err
		}
		ends, err := c.admin.ListEndOffsets(c.ctx, c.topic)
		if err != nil {
			return nil, err
		}
		later, err := c.admin.ListOffsetsAfterMilli(c.ctx, 1, c.topic)
		first, _ := starts.Lookup(c.topic, 0)
		last, _ := ends.Lookup(c.topic, 0)
		timed, _ := later.Lookup(c.topic, 0)
		return fmt.Sprintf("%d %d %d", first.Offset, timed.Offset, last.Offset), err
	})
}

func (c *calls) groups() {
	c.ask("groups listed", func() (any, error) {
		groups, err := c.admin.ListGroups(c.ctx)
		one := groups[c.group]
		return fmt.Sprintf("%s %s", one.ProtocolType, one.State), err
	})
	c.ask("group described", func() (any, error) {
		groups, err := c.admin.DescribeGroups(c.ctx, c.group)
		if err != nil {
			return nil, err
		}
		one := groups[c.group]
		return fmt.Sprintf("%s %d %s", one.State, len(one.Members), one.Protocol), one.Err
	})
	c.ask("group assignment", func() (any, error) {
		groups, err := c.admin.DescribeGroups(c.ctx, c.group)
		return len(groups.AssignedPartitions()[c.topic]), err
	})
	c.ask("group offsets", func() (any, error) {
		offsets := c.admin.FetchManyOffsets(c.ctx, c.group)
		one, _ := offsets[c.group].Fetched.Lookup(c.topic, 0)
		return one.At, offsets[c.group].Err
	})
	c.ask("group lag", func() (any, error) {
		lags, err := c.admin.Lag(c.ctx, c.group)
		if err != nil {
			return nil, err
		}
		one := lags[c.group]
		return one.Lag.Total(), one.Error()
	})
	c.ask("absent group", func() (any, error) {
		groups, err := c.admin.DescribeGroups(c.ctx, c.group+"-absent")
		one := groups[c.group+"-absent"]
		if one.Err != nil {
			return one.Err.Error(), err
		}
		return one.State, err
	})
}

func (c *calls) changes() {
	made := c.topic + "-franz"
	c.ask("topic made", func() (any, error) {
		value := "compact"
		response, err := c.admin.CreateTopic(c.ctx, 2, -1, map[string]*string{"cleanup.policy": &value}, made)
		return response.NumPartitions, err
	})
	c.ask("topic made again", func() (any, error) {
		_, err := c.admin.CreateTopic(c.ctx, 2, -1, nil, made)
		return nil, err
	})
	c.ask("partitions added", func() (any, error) {
		responses, err := c.admin.CreatePartitions(c.ctx, 3, made)
		if err != nil {
			return nil, err
		}
		return true, responses.Error()
	})
	c.ask("config set", func() (any, error) {
		value := "60000"
		responses, err := c.admin.AlterTopicConfigs(c.ctx, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "retention.ms", Value: &value}}, made)
		if err != nil {
			return nil, err
		}
		return len(responses), responses[0].Err
	})
	c.ask("records deleted", func() (any, error) {
		offsets := kadm.Offsets{}
		offsets.Add(kadm.Offset{Topic: c.topic, Partition: 0, At: 1, LeaderEpoch: -1})
		responses, err := c.admin.DeleteRecords(c.ctx, offsets)
		if err != nil {
			return nil, err
		}
		one, _ := responses.Lookup(c.topic, 0)
		return one.LowWatermark, one.Err
	})
	c.ask("topic deleted", func() (any, error) {
		responses, err := c.admin.DeleteTopics(c.ctx, made)
		if err != nil {
			return nil, err
		}
		return true, responses.Error()
	})
	other := c.group + "-franz"
	c.ask("offsets committed", func() (any, error) {
		offsets := kadm.Offsets{}
		offsets.Add(kadm.Offset{Topic: c.topic, Partition: 0, At: 2, LeaderEpoch: -1, Metadata: "noted"})
		if err := c.admin.CommitAllOffsets(c.ctx, other, offsets); err != nil {
			return nil, err
		}
		found, err := c.admin.FetchOffsets(c.ctx, other)
		one, _ := found.Lookup(c.topic, 0)
		return fmt.Sprintf("%d %s", one.At, one.Metadata), err
	})
	c.ask("offset deleted", func() (any, error) {
		request := kmsg.NewPtrOffsetDeleteRequest()
		request.Group = other
		topic := kmsg.NewOffsetDeleteRequestTopic()
		topic.Topic = c.topic
		partition := kmsg.NewOffsetDeleteRequestTopicPartition()
		topic.Partitions = append(topic.Partitions, partition)
		request.Topics = append(request.Topics, topic)
		response, err := request.RequestWith(c.ctx, c.client)
		if err != nil {
			return nil, err
		}
		return true, kerr.ErrorForCode(response.ErrorCode)
	})
	c.ask("group deleted", func() (any, error) {
		response, err := c.admin.DeleteGroup(c.ctx, other)
		if err != nil {
			return nil, err
		}
		return true, response.Err
	})
}

// A producer and a member of a group, as the client does them by itself.
func (c *calls) consume(bootstrap string) {
	topic := c.topic + "-consumed"
	c.ask("produced and consumed", func() (any, error) {
		if _, err := c.admin.CreateTopic(c.ctx, 3, -1, nil, topic); err != nil {
			return nil, err
		}
		for i := 0; i < 30; i++ {
			key := []byte(fmt.Sprint(i))
			record := &kgo.Record{Topic: topic, Key: key, Value: key}
			if err := c.client.ProduceSync(c.ctx, record).FirstErr(); err != nil {
				return nil, err
			}
		}
		count := 0
		for round := 0; round < 2; round++ {
			found, err := consumeGroup(c.ctx, bootstrap, topic, 30*(1-round))
			if err != nil {
				return nil, err
			}
			count += found
		}
		return count, nil
	})
}

// Reads until it has `wanted` records, or for a second when it wants none.
func consumeGroup(ctx context.Context, bootstrap, topic string, wanted int) (int, error) {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(bootstrap),
		kgo.ConsumerGroup("of-"+topic),
		kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(),
	)
	if err != nil {
		return 0, err
	}
	defer client.Close()
	limit := 20 * time.Second
	if wanted == 0 {
		limit = time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	count := 0
	for wanted == 0 || count < wanted {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			break
		}
		for _, failure := range fetches.Errors() {
			return count, failure.Err
		}
		count += fetches.NumRecords()
		if err := client.CommitUncommittedOffsets(ctx); err != nil {
			return count, err
		}
	}
	return count, nil
}
