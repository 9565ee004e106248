"""The exchange of kaldi-gstreamer-server's client.py, with Debian's python3-websockets: ADDRESS RAW_FILE."""
import asyncio
import json
import sys
import urllib.parse

import websockets

CAPS = "audio/x-raw, layout=(string)interleaved, rate=(int)%d, format=(string)S16LE, channels=(int)1"
RATE = 16000


async def send(socket, path):
    with open(path, "rb") as audio:
        while block := audio.read(RATE * 2 // 4):
            await socket.send(block)
            await asyncio.sleep(0.05)
    await socket.send("EOS")


async def main(address, path):
    query = urllib.parse.urlencode([("content-type", CAPS % RATE)])
    finals = []
    async with websockets.connect(address + "?" + query) as socket:
        sending = asyncio.create_task(send(socket, path))
        async for text in socket:
            answer = json.loads(text)
            if answer["status"] != 0:
                raise SystemExit("status %d: %s" % (answer["status"], answer.get("message")))
            if "result" in answer and answer["result"]["final"]:
                finals.append(answer["result"]["hypotheses"][0]["transcript"])
        await sending
        print(json.dumps({"finals": finals, "code": socket.close_code}))


asyncio.run(main(*sys.argv[1:]))
