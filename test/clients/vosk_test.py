"""The exchange of vosk-server's websocket/test.py, with Debian's python3-websockets: ADDRESS WAV_FILE."""
import asyncio
import json
import sys
import wave

import websockets


async def main(address, path):
    async with websockets.connect(address) as socket:
        audio = wave.open(path, "rb")
        await socket.send('{ "config" : { "sample_rate" : %d } }' % audio.getframerate())
        while data := audio.readframes(int(audio.getframerate() * 0.2)):
            await socket.send(data)
            print(json.dumps(json.loads(await socket.recv())))
            await asyncio.sleep(0.1)
        await socket.send('{"eof" : 1}')
        print(json.dumps(json.loads(await socket.recv())))


asyncio.run(main(*sys.argv[1:]))
