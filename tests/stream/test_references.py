"""The topic of references on a broker."""

import asyncio

import pytest
from aiokafka import AIOKafkaProducer

from driftlog.errors import BrokerError
from driftlog.settings import KafkaSettings
from driftlog.testing.cluster import Broker
from driftlog.testing.topic_factory import TopicFactory
from stream.book import ReferenceBook
from stream.references import References, publish_reference, read_references, references_topic
from tests.stream.bare_profile import bare_profile


@pytest.fixture
def kafka(broker: Broker, topic: TopicFactory) -> KafkaSettings:
    topic("references", 2)
    return KafkaSettings(bootstrap=broker.bootstrap, prefix=topic.prefix)


async def test_what_was_published_is_read_back_by_whoever_comes_later(kafka: KafkaSettings) -> None:
    assert await read_references(kafka) == ReferenceBook()
    profiles = [bare_profile("a", 0), bare_profile("b", 10, version="2@x"), bare_profile("c", 20)]
    for one in profiles:
        await publish_reference(kafka, one)
    assert await read_references(kafka) == ReferenceBook(profiles)


async def test_a_follower_gets_a_new_book_when_one_is_published(kafka: KafkaSettings) -> None:
    await publish_reference(kafka, bare_profile("a", 0))
    books: asyncio.Queue[ReferenceBook] = asyncio.Queue()
    async with References(kafka, on_change=books.put_nowait) as references:
        assert len(await books.get()) == 1
        following = asyncio.create_task(references.follow())
        await publish_reference(kafka, bare_profile("b", 5))
        book = await asyncio.wait_for(books.get(), 20)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    assert book == references.book == ReferenceBook([bare_profile("a", 0), bare_profile("b", 5)])


async def test_a_damaged_record_is_named_and_hides_no_other(
    kafka: KafkaSettings, caplog: pytest.LogCaptureFixture
) -> None:
    await publish_reference(kafka, bare_profile("a", 0))
    await publish_reference(kafka, bare_profile("gone", 0))
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap) as producer:
        topic = references_topic(kafka)
        await producer.send_and_wait(topic, b'{"v": 9}', key=b"m@1@bad")
        await producer.send_and_wait(topic, None, key=b"m@1@gone")
    async with References(kafka) as references:
        assert list(references.damaged) == ["m@1@bad"]
        assert references.book == ReferenceBook([bare_profile("a", 0)])
    assert "m@1@bad" in caplog.text


async def test_a_broker_that_is_away_is_named_with_what_to_do() -> None:
    nowhere = KafkaSettings(bootstrap="127.0.0.1:1")
    with pytest.raises(BrokerError, match=r"127\.0\.0\.1:1.*kafka.bootstrap"):
        await read_references(nowhere)
    with pytest.raises(BrokerError, match=r"127\.0\.0\.1:1"):
        await publish_reference(nowhere, bare_profile("a", 0))
