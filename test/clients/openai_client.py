"""OpenAI's own SDK for Python, unmodified: posts a file, streams it, speaks it over Realtime, and prints what it was told as JSON.

usage: openai_client.py HOST:PORT WAV PCM24 (24 kHz mono s16le)
"""

import base64
import json
import sys

from openai import BadRequestError, NotFoundError, OpenAI

address, wav, pcm = sys.argv[1:]
client = OpenAI(api_key="any", base_url=f"http://{address}/v1", max_retries=0)
CHUNK_BYTES = 4800


def transcribe(**more):
    with open(wav, "rb") as file:
        return client.audio.transcriptions.create(file=file, model="whisper-1", **more)


def files():
    verbose = transcribe(response_format="verbose_json", timestamp_granularities=["word", "segment"])
    events = list(transcribe(stream=True))
    return {
        "json": transcribe().text,
        "verbose": {
            "type": type(verbose).__name__,
            "text": verbose.text,
            "duration": float(verbose.duration),
            "segments": "".join(segment.text for segment in verbose.segments),
            "doubtful": sum(segment.avg_logprob < -1 or segment.no_speech_prob > 0.6 for segment in verbose.segments),
            "words": len(verbose.words),
        },
        "srt": transcribe(response_format="srt"),
        "events": [type(event).__name__ for event in events],
        "deltas": "".join(event.delta for event in events[:-1]),
        "done": events[-1].text,
    }


def refused():
    told = {}
    try:
        client.audio.transcriptions.create(file=("x.wav", b"no audio" * 100), model="whisper-1")
    except BadRequestError as error:
        told["audio"] = [error.status_code, error.code, error.param]
    try:
        client.models.retrieve("tts-1")
    except NotFoundError as error:
        told["model"] = [error.status_code, error.code, error.param]
    return told


def realtime():
    transcripts = []
    with client.realtime.connect(extra_query={"intent": "transcription"}) as connection:
        created = connection.recv()
        connection.session.update(
            session={
                "type": "transcription",
                "audio": {
                    "input": {
                        "format": {"type": "audio/pcm", "rate": 24000},
                        "transcription": {"model": "whisper-1"},
                        "turn_detection": None,
                    }
                },
            }
        )
        with open(pcm, "rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                connection.input_audio_buffer.append(audio=base64.b64encode(chunk).decode())
        connection.input_audio_buffer.commit()
        types = []
        for event in connection:
            types.append(event.type)
            if event.type == "conversation.item.input_audio_transcription.completed":
                transcripts.append(event.transcript)
                break
    return {"created": created.type, "types": types, "transcripts": transcripts}


print(
    json.dumps(
        {
            "models": [model.id for model in client.models.list()],
            "files": files(),
            "refused": refused(),
            "realtime": realtime(),
        }
    )
)
