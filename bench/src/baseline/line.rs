//! Baseline of the sockets and the runtime: an echo server that sends each line back.

use std::io;
use std::path::Path;

use tokio::net::UnixListener;

pub(crate) fn serve(socket: &Path) -> io::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let listener = UnixListener::bind(socket)?;
        loop {
            let (mut stream, _) = listener.accept().await?;
            tokio::spawn(async move {
                let mut rest = Vec::new();
                let mut back = |line: &[u8], out: &mut Vec<u8>| out.extend_from_slice(line);
                while super::turn(&mut stream, &mut rest, &mut back).await.is_ok_and(|more| more) {}
            });
        }
    })
}
