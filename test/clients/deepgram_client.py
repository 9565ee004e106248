"""Deepgram's own SDK for Python, unmodified: streams a file of raw samples, posts it, and prints what it was told as JSON.

usage: deepgram_client.py HOST:PORT FILE (16 kHz mono s16le)
"""

import json
import sys
import threading
import time

from deepgram import DeepgramClient
from deepgram.core.api_error import ApiError
from deepgram.core.events import EventType
from deepgram.environment import DeepgramClientEnvironment

CHUNK_BYTES = 3200
CHUNK_S = 0.05

address, path = sys.argv[1:]
http, ws = f"http://{address}", f"ws://{address}"
client = DeepgramClient(
    api_key="any",
    environment=DeepgramClientEnvironment(base=http, production=ws, agent=ws, agent_rest=http),
)
with open(path, "rb") as file:
    audio = file.read()


def live():
    heard, closed = [], threading.Event()
    with client.listen.v1.connect(
        model="en",
        encoding="linear16",
        sample_rate=16000,
        interim_results=True,
        punctuate=True,
        endpointing=300,
        request_options={"additional_query_parameters": {"session": "python"}},
    ) as socket:
        socket.on(EventType.MESSAGE, heard.append)
        socket.on(EventType.CLOSE, lambda _: closed.set())
        threading.Thread(target=socket.start_listening, daemon=True).start()
        for at in range(0, len(audio), CHUNK_BYTES):
            socket.send_media(audio[at : at + CHUNK_BYTES])
            time.sleep(CHUNK_S)
        socket.send_keep_alive()
        socket.send_close_stream()
        if not closed.wait(30):
            raise SystemExit("the stream was not closed")
    finals = [message for message in heard if message.type == "Results" and message.is_final]
    return {
        "types": sorted({type(message).__name__ for message in heard}),
        "finals": [message.channel.alternatives[0].transcript for message in finals],
        "warnings": [warning["parameter"] for warning in heard[-1].warnings],
        "request_id": heard[-1].request_id,
    }


def recorded():
    answer = client.listen.v1.media.transcribe_file(
        request=audio,
        model="en",
        encoding="linear16",
        punctuate=True,
        utterances=True,
        request_options={"additional_query_parameters": {"sample_rate": "16000"}},
    )
    [channel] = answer.results.channels
    return {
        "transcript": channel.alternatives[0].transcript,
        "utterances": len(answer.results.utterances),
        "duration": answer.metadata.duration,
        "request_id": answer.metadata.request_id,
    }


def refused():
    try:
        client.listen.v1.media.transcribe_file(request=audio, diarize=True)
    except ApiError as error:
        return {"status": error.status_code, "body": error.body}
    raise SystemExit("diarize was taken")


print(json.dumps({"live": live(), "recorded": recorded(), "refused": refused()}))
